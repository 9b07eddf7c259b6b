"""Plain builders: closes of months, stored series, a stored portfolio."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from apps.broker.models import Account, Instrument
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from apps.strategies.domain.closes import Close
from apps.strategies.domain.universe import SECTOR_FUNDS
from apps.strategies.models import DailyBar, MomentumSignal, PriceSeries, RebalanceAdvice

NOW = datetime(2026, 2, 15, 20, 0, tzinfo=UTC)  # a Sunday
TODAY = NOW.date()
FRIDAY = date(2026, 2, 13)

# Close thirteen month-ends before the latest, close one month-end before the latest; by hand: momentum.
TABLE = {
    "SXLK": (100.0, 150.0),  # +50 %
    "SXLF": (100.0, 120.0),  # +20 %, ties with SXLV
    "SXLE": (200.0, 150.0),  # -25 %
    "SXLV": (50.0, 60.0),  # +20 %
    "SXLY": (80.0, 64.0),  # -20 %: at the floor
    "SXLP": (100.0, 110.0),  # +10 %
    "SXLI": (100.0, 79.0),  # -21 %
    "SXLB": (100.0, 105.0),  # +5 %
    "SXLU": (100.0, 100.0),  # 0 %
}
WORKED = [
    ("SXLK", 0.50),
    ("SXLF", 0.20),
    ("SXLV", 0.20),
    ("SXLP", 0.10),
    ("SXLB", 0.05),
    ("SXLU", 0.0),
    ("SXLY", -0.20),
    ("SXLI", -0.21),
    ("SXLE", -0.25),
]


def month_end(months_before: int, latest: date = FRIDAY) -> date:
    """The last weekday of an earlier month; `latest` itself for 0."""
    if months_before == 0:
        return latest
    year, month = divmod(latest.year * 12 + latest.month - 1 - months_before, 12)
    last = date(year, month + 1, calendar.monthrange(year, month + 1)[1])
    return date.fromordinal(last.toordinal() - max(0, last.weekday() - 4))


def closes_at_month_ends(values: Sequence[float], latest: date = FRIDAY) -> list[Close]:
    """The last value is of `latest`, those before of the ends of the months before."""
    count = len(values)
    return [Close(month_end(count - 1 - place, latest), value) for place, value in enumerate(values)]


def worked_closes(first: float, last: float, latest_value: float = 77.0) -> list[Close]:
    """From `first` to `last` in twelve months; the other days and the latest close must not matter."""
    between = [40.0 + 7 * (number % 3) for number in range(11)]
    ends = closes_at_month_ends([first, *between, last, latest_value])
    noise = [Close(end.on.replace(day=12), 999.0) for end in ends[:-1]]
    return sorted([*ends, *noise], key=lambda close: close.on)


def worked_histories() -> dict[str, list[Close]]:
    return {symbol: worked_closes(first, last) for symbol, (first, last) in TABLE.items()}


def store_series(symbol: str, closes: Sequence[Close], *, con_id: int, checked_at: datetime = NOW) -> PriceSeries:
    series = PriceSeries.objects.create(
        con_id=con_id,
        symbol=symbol,
        currency="USD",
        exchange="LSEETF",
        local_symbol=symbol,
        price_magnifier=1,
        resolved_at=NOW,
        checked_at=checked_at,
    )
    DailyBar.objects.bulk_create(
        DailyBar(series=series, date=close.on, open=price, high=price, low=price, close=price)
        for close in closes
        for price in [Decimal(str(close.value))]
    )
    return series


CON_IDS = {fund.symbol: number for number, fund in enumerate(SECTOR_FUNDS, start=101)}


def store_worked_histories() -> None:
    """As if the broker had just been asked."""
    for symbol, closes in worked_histories().items():
        store_series(symbol, closes, con_id=CON_IDS[symbol])


def store_snapshot(
    *, equity: str = "100000", cash: str = "50000", taken_at: datetime = NOW, currency: str = "USD"
) -> PortfolioSnapshot:
    account, _ = Account.objects.get_or_create(
        code="DU1", defaults={"mode": "paper", "base_currency": currency, "as_of": NOW}
    )
    return PortfolioSnapshot.objects.create(
        account=account,
        date=taken_at.date(),
        taken_at=taken_at,
        total_equity=Decimal(equity),
        cash=Decimal(cash),
        currency=currency,
    )


def hold(
    snapshot: PortfolioSnapshot,
    symbol: str,
    quantity: str,
    price: str,
    *,
    con_id: int | None = None,
    currency: str = "USD",
    rate: str | None = "1",
    magnifier: int = 1,
    sec_type: str = "STK",
    exchange: str = "LSEETF",
) -> SnapshotPosition:
    instrument = Instrument.objects.create(
        con_id=con_id or CON_IDS[symbol],
        symbol=symbol,
        sec_type=sec_type,
        currency=currency,
        primary_exchange=exchange,
        local_symbol=symbol,
        price_magnifier=magnifier,
        min_tick=Decimal("0.01"),
        as_of=NOW,
    )
    value = Decimal(quantity) * Decimal(price) / magnifier
    return SnapshotPosition.objects.create(
        snapshot=snapshot,
        instrument=instrument,
        symbol=symbol,
        currency=currency,
        quantity=Decimal(quantity),
        avg_cost=Decimal(price) / magnifier,
        market_price=Decimal(price),
        market_value=value,
        unrealized_pnl=Decimal(0),
        price_source="market",
        priced_at=NOW,
        exchange_rate=None if rate is None else Decimal(rate),
        base_value=None if rate is None else value * Decimal(rate),
    )


def store_advice(signal: MomentumSignal, *, equity: str = "100000", line: str = "GXLK") -> RebalanceAdvice:
    """One fund to buy, one held for want of a price."""
    advice = RebalanceAdvice.objects.create(
        created_at=NOW,
        signal=signal,
        snapshot=store_snapshot(),
        snapshot_taken_at=NOW,
        account="DU1",
        currency="USD",
        equity=equity,
        cash=50_000,
        threshold=0.02,
        buy_count=1,
        sell_count=0,
        buy_value=3_300,
        sell_value=0,
        net_cash_flow=-3_300,
        warnings=["HOLD SXLE: no price."],
    )
    advice.trades.create(
        position=1,
        symbol="SXLK",
        con_id=1,
        line=line,
        action="BUY",
        shares=33,
        price=8000,
        price_unit="GBX",
        currency="GBP",
        price_source="close",
        value=3_300,
        current_weight=0.3,
        target_weight=1 / 3,
        weight_diff=1 / 30,
        reason="rank 1 is in the top 3",
    )
    return advice
