"""A paper account, an instrument that always trades, a ready session, and whoever answers for the broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission, User
from pytest_django import Settings

from apps.broker.choices import OrderPurpose, OrderType, SessionState, Side
from apps.broker.domain.restart_window import RestartCalendar
from apps.broker.models import Account, AccountValue, GatewaySession, Instrument
from apps.broker.services import Terms
from apps.risk.models import EquityWatch
from tests.broker.ledger.builders import make_account, make_instrument
from tests.strategies.answers import Rows, answering
from tradeops.lib import clock

EQUITY = Decimal(100_000)
Asked = list[tuple[str, dict[str, Any]]]


def calm(settings: Settings) -> None:
    """No planned restart, whatever the time is."""
    settings.BROKER = replace(settings.BROKER, restarts=RestartCalendar(()))


def make_world(equity: Decimal = EQUITY) -> Account:
    account, now = make_account(), clock.now()
    for tag in ("NetLiquidation", "AvailableFunds"):
        AccountValue.objects.update_or_create(
            account=account, tag=tag, currency="USD", defaults={"value": str(equity), "as_of": now}
        )
    ready = {"state": SessionState.READY, "heartbeat_at": now, "synchronised_at": now, "port": settings.BROKER.port}
    GatewaySession.objects.update_or_create(id=GatewaySession.ONLY, defaults=ready)
    watch_losses(account, equity)
    return account


def watch_losses(account: Account, equity: Decimal = EQUITY) -> None:
    """As if the sentinel had looked this moment and found all well."""
    now = clock.now()
    EquityWatch.objects.update_or_create(
        account=account,
        defaults={"equity": equity, "known_at": now},
        create_defaults={"peak": equity, "peak_at": now, "equity": equity, "known_at": now},
    )


def coin(con_id: int = 1, symbol: str = "BTC") -> Instrument:
    return make_instrument(symbol, con_id, sec_type="CRYPTO")


def terms(**changes: Any) -> Terms:
    base: dict[str, Any] = {
        "account": make_account(),
        "instrument": coin(),
        "side": Side.BUY,
        "quantity": Decimal(10),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal(100),
        "purpose": OrderPurpose.ENTRY,
        "reason": "signal of the week",
        "strategy": "momentum",
    }
    return Terms(**(base | changes))


@contextmanager
def market(price: str | None = "100", *, hours: str = "", **changes: Any) -> Iterator[Asked]:
    """Live quotes of this moment at `price`; volumes are not known, nor the broker's hours unless they are given."""

    def answer(kind: str, payload: dict[str, Any]) -> Rows | None:
        if kind == "contract_details" and hours:
            return [{"con_id": payload["query"]["con_id"], "liquid_hours": hours, "time_zone": "UTC"}]
        if kind != "quotes" or price is None:
            return None
        row = {"price": price, "price_source": "market", "bid": price, "ask": price, "at": clock.now().isoformat()}
        return [{"con_id": con_id, **row, **changes} for con_id in payload["con_ids"]]

    with answering(answer) as asked:
        yield asked


def person(name: str, *permissions: str) -> User:
    user = User.objects.create(username=name)
    for permission in permissions:
        app, _, codename = permission.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return User.objects.get(pk=user.pk)
