"""From a price to what the tape shows: ticks, spreads, sizes. All roundings grow with the price."""

from __future__ import annotations

from math import exp, floor

from ..types import Contract, Quote
from .calendars import to_datetime
from .catalogue import Instrument
from .lines import Line
from .noise import pick


def to_ticks(price: float, tick: float) -> int:
    return floor(price / tick + 0.5)


def from_ticks(ticks: int, tick: float) -> float:
    return round(ticks * tick, 6)


def round_price(instrument: Instrument, price: float) -> float:
    tick = instrument.contract.min_tick
    return from_ticks(to_ticks(price, tick), tick)


def spread_ticks(instrument: Instrument, price: float) -> tuple[int, int]:
    """Bid and ask around a price, at least one tick apart."""
    tick = instrument.contract.min_tick
    half = max(instrument.spread * price, tick) / 2
    bid = to_ticks(price - half, tick)
    return bid, max(bid + 1, to_ticks(price + half, tick))


def bid_price(instrument: Instrument, price: float) -> float:
    return from_ticks(spread_ticks(instrument, price)[0], instrument.contract.min_tick)


def ask_price(instrument: Instrument, price: float) -> float:
    return from_ticks(spread_ticks(instrument, price)[1], instrument.contract.min_tick)


def mid_price(instrument: Instrument, price: float) -> float:
    bid, ask = spread_ticks(instrument, price)
    return round((bid + ask) * instrument.contract.min_tick / 2, 6)


def sizes(contract: Contract, ticks: int) -> tuple[int, int, int]:
    """Bid, ask and last size: they change only when the price does."""
    bid, ask, last = (1 + pick(contract.con_id, 3 * ticks + n, 20) for n in range(3))
    unit = {"CASH": 250_000, "OPT": 5}.get(contract.sec_type, 100)
    return bid * unit, ask * unit, max(1, last * unit // 4)


def line_quote(line: Line, at: float) -> Quote:
    instrument = line.instrument
    price = line.price(at)
    extremes = line.day_range(at)
    last = round_price(instrument, price)
    previous = round_price(instrument, line.price(line.previous_close_at(at)))
    bid_size, ask_size, last_size = sizes(line.contract, to_ticks(price, line.contract.min_tick))
    is_traded, is_currency = instrument.is_traded, line.contract.sec_type == "CASH"
    return Quote(
        con_id=line.contract.con_id,
        bid=bid_price(instrument, price) if is_traded else None,
        ask=ask_price(instrument, price) if is_traded else None,
        last=None if is_currency else last,
        bid_size=bid_size if is_traded else 0,
        ask_size=ask_size if is_traded else 0,
        last_size=0 if is_currency or not is_traded else last_size,
        open=round_price(instrument, line.price(extremes.start)),
        high=round_price(instrument, exp(extremes.high)),
        low=round_price(instrument, exp(extremes.low)),
        close=previous,
        volume=line.volumes.between(extremes.start, at),
        at=to_datetime(at),
        halted=line.prices.frozen,
    )
