"""Instruments that somebody wants to trade: taken from the table, or from the broker and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.broker.asking import Question, ask, ask_each
from apps.broker.choices import RequestKind
from apps.broker.models import Execution, Instrument
from apps.broker.services.trades import derive_trades
from tradeops.lib.known import Known, Unknown

TEXTS = (
    *("symbol", "sec_type", "currency", "exchange", "primary_exchange", "local_symbol", "trading_class", "right"),
    *("long_name", "time_zone"),
)
# Details of a busy broker take their time; more at once would not be faster.
DETAILS_SECONDS = 20.0
AT_ONCE = 20


class NoSuchContract(Unknown):
    """The broker was asked, and knows none or several: to ask again would change nothing."""


def find_instrument(*, con_id: int, requested_by: str, timeout: float = 8.0) -> Known[Instrument] | Unknown:
    """With tick size and price magnifier, without which prices cannot be judged."""
    stored = Instrument.objects.filter(con_id=con_id, min_tick__isnull=False).first()
    if stored is not None:
        return Known(stored, stored.as_of)
    answer = ask(
        RequestKind.CONTRACT_DETAILS, {"query": {"con_id": con_id}}, timeout=timeout, requested_by=requested_by
    )
    if isinstance(answer, Unknown):
        return answer
    row = next((row for row in answer.value if row["con_id"] == con_id), None)
    if row is None:
        return NoSuchContract(f"the broker knows no contract {con_id}")
    return Known(_remember(row, answer.as_of), answer.as_of)


def find_each(*, questions: Sequence[Mapping[str, Any]], requested_by: str) -> list[Known[Instrument] | Unknown]:
    """The contract that each description (as of a contract details question) means, asked of the broker at once.

    Remembered with what they tell. NoSuchContract where the broker knows none, or several.
    """
    found: list[Known[Instrument] | Unknown] = [Unknown("not asked")] * len(questions)
    asked = [Question(RequestKind.CONTRACT_DETAILS, {"query": query}) for query in questions]
    for place, answer in ask_each(asked, timeout=DETAILS_SECONDS, at_once=AT_ONCE, requested_by=requested_by):
        found[place] = answer if isinstance(answer, Unknown) else _only_one(answer, questions[place])
    return found


def find_underlyings(*, con_ids: Sequence[int], requested_by: str) -> dict[int, Known[Instrument] | Unknown]:
    """What each option is an option on, by the option's contract id."""
    asked = [Question(RequestKind.CONTRACT_DETAILS, {"query": {"con_id": con_id}}) for con_id in con_ids]
    under: dict[int, Known[int] | Unknown] = {}
    for place, answer in ask_each(asked, timeout=DETAILS_SECONDS, at_once=AT_ONCE, requested_by=requested_by):
        under[con_ids[place]] = answer if isinstance(answer, Unknown) else _underlying_id(answer)
    wanted = sorted({known.value for known in under.values() if isinstance(known, Known)})
    stored = Instrument.objects.filter(con_id__in=wanted, min_tick__isnull=False)
    found: dict[int, Known[Instrument] | Unknown] = {row.con_id: Known(row, row.as_of) for row in stored}
    missing = [con_id for con_id in wanted if con_id not in found]
    described = find_each(questions=[{"con_id": con_id} for con_id in missing], requested_by=requested_by)
    found |= dict(zip(missing, described, strict=True))
    return {con_id: found[known.value] if isinstance(known, Known) else known for con_id, known in under.items()}


def _underlying_id(answer: Known[Any]) -> Known[int] | Unknown:
    con_id = next((row["under_con_id"] for row in answer.value), 0)
    return Known(con_id, answer.as_of) if con_id else NoSuchContract("the broker names no underlying")


def _only_one(answer: Known[Any], query: Mapping[str, Any]) -> Known[Instrument] | Unknown:
    if len(answer.value) != 1:
        number = len(answer.value) or "no"
        return NoSuchContract(f"the broker knows {number} contracts {' '.join(str(value) for value in query.values())}")
    return Known(_remember(answer.value[0], answer.as_of), answer.as_of)


@transaction.atomic
def _remember(row: Mapping[str, Any], as_of: datetime) -> Instrument:
    """Where its price turns out to be other money than was thought, its trades are derived anew."""
    values: dict[str, Any] = {name: row[name] for name in TEXTS}
    values |= {
        "expires_on": date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
        "strike": Decimal(row["strike"]) if row["strike"] is not None else None,
        "multiplier": Decimal(row["multiplier"] or 1),
        "min_tick": Decimal(row["min_tick"]) if row["min_tick"] is not None else None,
        "price_magnifier": row["price_magnifier"],
        "as_of": as_of,
    }
    before = Instrument.objects.select_for_update().filter(con_id=row["con_id"]).first()
    found, _ = Instrument.objects.update_or_create(con_id=row["con_id"], defaults=values)
    if before is not None and _worth(before) != _worth(found):
        accounts = (
            Execution.objects.filter(instrument=found).order_by("account_id").values_list("account_id", flat=True)
        )
        for account_id in accounts.distinct():
            derive_trades(account_id=account_id, instrument_id=found.pk)
    return found


def _worth(instrument: Instrument) -> tuple[Decimal, int]:
    return instrument.multiplier, instrument.price_magnifier
