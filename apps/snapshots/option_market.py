"""Asking the broker for option prices with Greeks, their underlyings, SPY and VIX. Stores nothing but contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import RequestKind
from apps.broker.models import Instrument
from apps.snapshots.domain.answers import find_decimal
from apps.snapshots.domain.position import Sight
from apps.snapshots.exceptions import BrokerUnknown
from apps.snapshots.trading_day import is_closed
from tradeops.lib.known import Known, Unknown

REQUESTED_BY = "position snapshots"
SPY = {"symbol": "SPY", "sec_type": "STK", "exchange": "SMART", "currency": "USD"}
VIX = {"symbol": "VIX", "sec_type": "IND", "exchange": "CBOE", "currency": "USD"}
ANSWER_SECONDS = 30.0
# Contracts of one question; all that are asked at once leave a fifth of the lines to others, such as order tickets.
GROUP = 20
SHARE_OF_LINES = 0.8
# As the broker's answer names the numbers of its model.
GREEKS = {"delta": "delta", "theta": "theta", "gamma": "gamma", "vega": "vega", "iv": "implied_volatility"}

NOT_YET = Unknown("not asked")

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class OptionMarket:
    """`sights` and `failed` by contract id; `failed` says why nothing is known, `hopeless` of them name no contract.

    `underlyings` by the contract id of the option. Of these, SPY and VIX: Unknown where the broker did not answer,
    NoSuchContract where it knows none.
    """

    sights: dict[int, Sight] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    hopeless: set[int] = field(default_factory=set)
    underlyings: dict[int, Instrument | Unknown] = field(default_factory=dict)
    spy: Instrument | Unknown = NOT_YET
    vix: Instrument | Unknown = NOT_YET

    def sight_of(self, found: Instrument | Unknown) -> Sight | None:
        """None for a contract that the broker does not know."""
        if isinstance(found, broker.NoSuchContract):
            return None
        if isinstance(found, Unknown):
            return Sight(was_answered=False, note=found.reason)
        if found.con_id in self.hopeless:
            return None
        if found.con_id in self.failed:
            return Sight(was_answered=False, note=self.failed[found.con_id])
        return self.sights.get(found.con_id, Sight())


def require_connection() -> None:
    """Raises BrokerUnknown while nothing could be asked of the broker."""
    session = broker_state.session()
    if session.is_connected and session.data_link_up:
        return
    reason = session.reason or session.state.label.lower()
    raise BrokerUnknown(
        f"Failed to connect to IBKR: cannot connect to {session.host}:{session.port}: {reason.rstrip('.')}. "
        "No snapshot was stored; see the runbook: Read the session state."
    )


def read_market(
    options: Sequence[Instrument], known_underlyings: Mapping[int, Instrument], *, now: datetime, progress: Progress
) -> OptionMarket:
    """Quotes of the options and of everything their snapshots need, each contract once.

    Raises BrokerUnknown when there is no answer about any of the options that the broker may know.
    """
    market = OptionMarket(underlyings=find_underlyings(options, known_underlyings))
    market.spy, market.vix = find_index(SPY), find_index(VIX)
    around = [row for row in (*market.underlyings.values(), market.spy, market.vix) if isinstance(row, Instrument)]
    contracts = {row.con_id: row for row in [*around, *options]}
    look(market, contracts, now, progress)
    again = [con_id for con_id, sight in market.sights.items() if deserves_another_look(contracts[con_id], sight)]
    again += [con_id for con_id in market.failed if con_id not in market.hopeless]
    if again:
        look(market, {con_id: contracts[con_id] for con_id in again}, now, progress)
    hopeful = [option.con_id for option in options if option.con_id not in market.hopeless]
    if hopeful and not any(con_id in market.sights for con_id in hopeful):
        reason = next((market.failed[con_id] for con_id in hopeful if con_id in market.failed), "no answer").rstrip(".")
        raise BrokerUnknown(f"The broker did not say (quotes of options): {reason}. No snapshot was stored.")
    return market


def find_underlyings(options: Sequence[Instrument], known: Mapping[int, Instrument]) -> dict[int, Instrument | Unknown]:
    """By the option's contract id; asked once for each class of options that is not known yet."""
    classes: dict[tuple[object, ...], list[Instrument]] = {}
    for option in options:
        classes.setdefault(class_of(option), []).append(option)
    found: dict[int, Instrument | Unknown] = {}
    unknown: list[list[Instrument]] = []
    for members in classes.values():
        underlying: Instrument | Unknown | None = next(
            (known[option.con_id] for option in members if option.con_id in known), None
        )
        if underlying is None:
            unknown.append(members)
        else:
            found |= {option.con_id: underlying for option in members}
    # The one that expires last is the least likely to be gone.
    asked = [max(members, key=lambda option: option.expires_on or date.min).con_id for members in unknown]
    answers = broker.find_underlyings(con_ids=asked, requested_by=REQUESTED_BY)
    for members, con_id in zip(unknown, asked, strict=True):
        answer = answers[con_id]
        underlying = answer.value if isinstance(answer, Known) else answer
        found |= {option.con_id: underlying for option in members}
    return found


def class_of(option: Instrument) -> tuple[object, ...]:
    """Options of one class have one underlying; those on futures one for each expiry."""
    expiry = option.expires_on if option.sec_type == "FOP" else None
    return option.sec_type, option.symbol, option.trading_class, option.currency, expiry


def find_index(description: Mapping[str, str]) -> Instrument | Unknown:
    """From the table, or asked once and remembered there."""
    names = ("symbol", "sec_type", "currency")
    stored = Instrument.objects.filter(min_tick__isnull=False, **{name: description[name] for name in names})
    if (row := stored.order_by("pk").first()) is not None:
        return row
    [answer] = broker.find_each(questions=[description], requested_by=REQUESTED_BY)
    return answer.value if isinstance(answer, Known) else answer


def look(market: OptionMarket, contracts: Mapping[int, Instrument], now: datetime, progress: Progress) -> None:
    """One round of quotes. What is known already is only replaced by what says more."""
    lines = max(1, int(settings.BROKER.market_data_lines * SHARE_OF_LINES))
    groups = list(grouped(list(contracts), min(GROUP, lines)))
    questions = [broker.Question(RequestKind.QUOTES, {"con_ids": group}) for group in groups]
    answers = broker.ask_each(
        questions, timeout=ANSWER_SECONDS, at_once=max(1, lines // GROUP), requested_by=REQUESTED_BY
    )
    done = 0
    for place, answer in answers:
        done += len(groups[place])
        progress(done, len(contracts), "asking the broker")
        if isinstance(answer, Unknown):
            market.failed |= {con_id: answer.reason for con_id in groups[place] if con_id not in market.sights}
            continue
        for row in answer.value:
            if row["con_id"] in contracts:
                take_in(market, contracts[row["con_id"]], row, answer.as_of, now)


def take_in(market: OptionMarket, contract: Instrument, row: Mapping[str, Any], at: datetime, now: datetime) -> None:
    if not row["exists"]:
        if contract.con_id not in market.sights:
            market.failed[contract.con_id] = row["note"] or "the broker knows no such contract"
            market.hopeless |= {contract.con_id} if row["exists"] is False else set()
        return
    sight, before = read_sight(row, at, was_closed=is_closed(contract, now)), market.sights.get(contract.con_id)
    market.failed.pop(contract.con_id, None)
    if before is None or completeness(sight) >= completeness(before):
        market.sights[contract.con_id] = sight


def read_sight(row: Mapping[str, Any], at: datetime, *, was_closed: bool) -> Sight:
    """From one row of the broker's answer. Prices that are not above zero, and what is no number, are not there.

    Live prices that are refused are no refusal where delayed ones came: what else is missing was not sent.
    """
    price, told = find_decimal(row["price"]), row["greeks"] or {}
    greeks = {name: find_decimal(told.get(key)) for name, key in GREEKS.items()}
    has_price = price is not None and price > 0
    return Sight(
        price=price if has_price else None,
        source=row["price_source"] or "" if has_price else "",
        greeks={
            name: float(value) for name, value in greeks.items() if value is not None and is_plausible(name, value)
        },
        refusal="" if has_price else row["refusal"] or "",
        note=row["note"],
        was_closed=was_closed,
        at=at,
    )


def is_plausible(name: str, value: Decimal) -> bool:
    """A volatility of nothing is what a model says that has none; no delta lies beyond 1."""
    return value > 0 if name == "iv" else abs(value) <= 1 if name == "delta" else True


def completeness(sight: Sight) -> tuple[bool, int]:
    return sight.price is not None, len(sight.greeks)


def deserves_another_look(contract: Instrument, sight: Sight) -> bool:
    """The broker may take some seconds for the first Greeks of an option; what it refuses, it refuses again."""
    if sight.refusal:
        return False
    return sight.price is None or (contract.sec_type in broker_state.OPTION_TYPES and len(sight.greeks) < len(GREEKS))


def grouped(con_ids: list[int], size: int) -> Iterable[list[int]]:
    return (con_ids[start : start + size] for start in range(0, len(con_ids), size))
