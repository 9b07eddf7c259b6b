"""The broker: a login of our own, then account values, positions, orders and fills through the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from apps.broker import selectors
from apps.broker import services as broker
from apps.broker.choices import RequestKind
from apps.console.doctor.broker import check_broker
from apps.console.doctor.verdicts import Check, fail, ok
from tradeops.lib.known import Known

QUESTIONS = {
    "account values": RequestKind.ACCOUNT_SUMMARY,
    "positions": RequestKind.POSITIONS,
    "open orders": RequestKind.OPEN_ORDERS,
}
START = "Start the platform with `manage.py up`, or `manage.py gateway`; the desk shows the session's state."


def try_broker() -> Iterator[Check]:
    yield from check_broker(settings.BROKER)
    for name, kind in QUESTIONS.items():
        yield ask(name, kind)


def try_fills() -> Iterator[Check]:
    yield ok("fills", f"{selectors.executions().count()} stored")


def ask(name: str, kind: RequestKind) -> Check:
    answer = broker.ask(kind, {"account": settings.BROKER.account}, requested_by="self-test")
    if isinstance(answer, Known):
        return ok(name, f"{len(answer.value)} from the broker now")
    return fail(name, answer.reason, START)
