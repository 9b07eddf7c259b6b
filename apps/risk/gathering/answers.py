"""What only the broker can say: the quote, usual volume, hours, and account figures where the tables' are not fresh."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import PriceSource, RequestKind
from apps.broker.models import Account, Instrument
from apps.risk.domain.facts import Quote
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

ASKED_BY = "risk"
QUOTE_SECONDS, VOLUME_SECONDS, SUMMARY_SECONDS = 8.0, 4.0, 6.0
# Younger figures of the tables are taken, older ones read at the broker.
FRESH_SECONDS = 30
VOLUME_DAYS = 20
EQUITY, FUNDS = "NetLiquidation", "AvailableFunds"

T = TypeVar("T")
NOT_ASKED = Unknown("not asked for a closing order")
Figures = Mapping[str, Known[Decimal] | Unknown]

_volumes: dict[tuple[int, date], Known[Decimal]] = {}


@dataclass(frozen=True, slots=True)
class Hours:
    """The broker's liquid hours of an instrument for some days, as `domain.hours` reads them, and their time zone."""

    stated: str
    zone: str


_hours: dict[tuple[int, date], Known[Hours]] = {}


@dataclass(frozen=True, slots=True)
class Answers:
    quote: Known[Quote] | Unknown
    average_volume: Known[Decimal] | Unknown
    equity: Known[Decimal] | Unknown
    available_funds: Known[Decimal] | Unknown
    hours: Known[Hours] | Unknown


def ask_broker(account: Account, instrument: Instrument, *, closing: bool) -> Answers:
    """Asks side by side; takes as long as the slowest. Never raises: what fails is Unknown.

    A closing order needs neither volume nor hours.
    """
    tables = {tag: broker_state.account_value(account.code, tag) for tag in (EQUITY, FUNDS)}
    with ThreadPoolExecutor(4) as pool:
        quote = pool.submit(ask_quote, instrument)
        volume = None if closing else pool.submit(ask_volume, instrument)
        hours = None if closing else pool.submit(ask_hours, instrument)
        figures = pool.submit(ask_figures, account.code) if not all(map(_is_fresh, tables.values())) else None
        found = tables if figures is None else _better(tables, figures.result())
        average = volume.result() if volume else NOT_ASKED
        stated = hours.result() if hours else NOT_ASKED
        return Answers(quote.result(), average, found[EQUITY], found[FUNDS], stated)


def ask_quote(instrument: Instrument) -> Known[Quote] | Unknown:
    payload = {"con_ids": [instrument.con_id], "fresh": True}
    answer = broker.ask(RequestKind.QUOTES, payload, timeout=QUOTE_SECONDS, requested_by=ASKED_BY)
    if isinstance(answer, Unknown):
        return answer
    row = next((row for row in answer.value if row.get("con_id") == instrument.con_id), None)
    return read_quote(row, answer.as_of) if row else Unknown("the broker's answer does not name the instrument")


def read_quote(row: Mapping[str, Any], as_of: datetime) -> Known[Quote] | Unknown:
    try:
        price = _number(row.get("price"))
        if price is None or not row.get("price_source"):
            return Unknown(str(row.get("note") or "the broker states no price"))
        if not row.get("at"):
            return Unknown("the broker does not say of when its price is")
        source, at = PriceSource(row["price_source"]), datetime.fromisoformat(row["at"])
        bid, ask = _number(row.get("bid")), _number(row.get("ask"))
        return Known(Quote(price, source, at, bid, ask, is_halted=bool(row.get("is_halted"))), as_of)
    except (ArithmeticError, ValueError, TypeError) as error:
        return Unknown(f"the broker's quote cannot be read: {error}")


def ask_volume(instrument: Instrument) -> Known[Decimal] | Unknown:
    """The average day's volume; asked once a day and instrument in each process."""
    return _once_a_day(_volumes, instrument.con_id, _ask_volume)


def ask_hours(instrument: Instrument) -> Known[Hours] | Unknown:
    """As `ask_volume`."""
    return _once_a_day(_hours, instrument.con_id, _ask_hours)


def _once_a_day(
    kept: dict[tuple[int, date], Known[T]], con_id: int, ask: Callable[[int], Known[T] | Unknown]
) -> Known[T] | Unknown:
    key = (con_id, clock.now().date())
    if key not in kept:
        answer = ask(con_id)
        if isinstance(answer, Unknown):
            return answer
        for old in [known for known in kept if known[1] != key[1]]:
            kept.pop(old, None)
        kept[key] = answer
    return kept[key]


def _ask_hours(con_id: int) -> Known[Hours] | Unknown:
    answer = broker.ask(
        RequestKind.CONTRACT_DETAILS, {"query": {"con_id": con_id}}, timeout=VOLUME_SECONDS, requested_by=ASKED_BY
    )
    if isinstance(answer, Unknown):
        return answer
    row: dict[str, Any] = next((row for row in answer.value if row.get("con_id") == con_id), {})
    if not row.get("liquid_hours") or not row.get("time_zone"):
        return Unknown("the broker states no hours")
    return Known(Hours(str(row["liquid_hours"]), str(row["time_zone"])), answer.as_of)


def _ask_volume(con_id: int) -> Known[Decimal] | Unknown:
    payload = {
        "con_id": con_id,
        "duration": f"{VOLUME_DAYS} D",
        "bar_size": "1 day",
        "what": "TRADES",
        "use_rth": True,
        "end": "",
    }
    answer = broker.ask(RequestKind.HISTORY, payload, timeout=VOLUME_SECONDS, requested_by=ASKED_BY)
    if isinstance(answer, Unknown):
        return answer
    try:
        volumes = [volume for bar in answer.value if (volume := _number(bar.get("volume"))) is not None]
    except (ArithmeticError, ValueError) as error:
        return Unknown(f"the broker's volumes cannot be read: {error}")
    if not any(volumes):
        return Unknown("the broker states no volume")
    return Known(sum(volumes, Decimal(0)) / len(volumes), answer.as_of)


def ask_figures(account: str) -> Figures:
    answer = broker.ask(
        RequestKind.ACCOUNT_SUMMARY, {"account": account}, timeout=SUMMARY_SECONDS, requested_by=ASKED_BY
    )
    if isinstance(answer, Unknown):
        return {EQUITY: answer, FUNDS: answer}
    return {tag: _figure(answer, tag) for tag in (EQUITY, FUNDS)}


def _figure(answer: Known[Any], tag: str) -> Known[Decimal] | Unknown:
    stated = next((row["value"] for row in answer.value if row["tag"] == tag), None)
    if stated is None:
        return Unknown(f"the broker does not state {tag}")
    try:
        value = _number(stated)
    except (ArithmeticError, ValueError):
        value = None
    return Known(value, answer.as_of) if value is not None else Unknown(f"{tag} is not a number: {stated}")


def _better(tables: Figures, asked: Figures) -> Figures:
    """The broker's answer now, or else what it said last: its age is judged."""
    return {tag: asked[tag] if isinstance(asked[tag], Known) else tables[tag] for tag in tables}


def _is_fresh(value: Known[Decimal] | Unknown) -> bool:
    return isinstance(value, Known) and (clock.now() - value.as_of).total_seconds() <= FRESH_SECONDS


def _number(text: object) -> Decimal | None:
    if text is None:
        return None
    number = Decimal(str(text))
    if not number.is_finite():
        raise InvalidOperation(f"{text} is not a finite number")
    return number
