"""The funds' adjusted daily closes: from the cache, which is first brought up to date at the broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from apps.broker.choices import RequestKind
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.strategies import selectors
from apps.strategies.domain import history
from apps.strategies.domain.closes import Close
from apps.strategies.domain.history import DayBar
from apps.strategies.domain.universe import EXCHANGE, SECTOR_FUNDS, Fund
from apps.strategies.exceptions import UnusableHistory
from apps.strategies.gateway import ask
from apps.strategies.models import DailyBar, PriceSeries
from apps.strategies.progress import Progress

STEP = "Price history"
SCOPE = "strategies"
LONDON = ZoneInfo("Europe/London")
# Completed days do not change by the minute: a rebalance right after a signal need not ask again.
FRESH_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FundHistory:
    series: PriceSeries
    closes: tuple[Close, ...]


def load_histories(*, now: datetime, currency: str, progress: Progress) -> dict[str, FundHistory]:
    """By signal symbol. Raises BrokerUnknown or UnusableHistory when a fund's history cannot be had."""
    found: dict[str, FundHistory] = {}
    for done, fund in enumerate(SECTOR_FUNDS):
        progress(done, len(SECTOR_FUNDS), f"history of {fund.symbol}")
        series = find_series(fund, currency, now)
        bring_up_to_date(series, now)
        found[fund.symbol] = FundHistory(series, stored_closes(series))
    progress(len(SECTOR_FUNDS), len(SECTOR_FUNDS), "history complete")
    return found


def london_date(now: datetime) -> date:
    return now.astimezone(LONDON).date()


def find_series(fund: Fund, currency: str, now: datetime) -> PriceSeries:
    """The fund's line in that currency, from the broker the first time."""
    return selectors.find_series(symbol=fund.symbol, currency=currency) or resolve(fund, currency, now)


def resolve(fund: Fund, currency: str, now: datetime) -> PriceSeries:
    """The broker may list the line in pence under the fund's symbol or under its own."""
    names = [fund.symbol] if currency == "USD" else [fund.symbol, fund.sterling_symbol]
    for name in names:
        query = {"symbol": name, "sec_type": "STK", "exchange": EXCHANGE, "currency": currency}
        rows = ask(RequestKind.CONTRACT_DETAILS, {"query": query}, about=f"{name} in {currency} on {EXCHANGE}")
        if len(rows) > 1:
            raise UnusableHistory(f"The broker knows {len(rows)} contracts {name} in {currency} on {EXCHANGE}.")
        if rows:
            break
    else:
        wanted = " or ".join(names)
        raise UnusableHistory(
            f"The broker knows no {wanted} in {currency} on {EXCHANGE}: check the parameter currency."
        )
    row = rows[0]
    series, _ = PriceSeries.objects.get_or_create(
        symbol=fund.symbol,
        currency=currency,
        defaults={
            "con_id": row["con_id"],
            "exchange": EXCHANGE,
            "local_symbol": row["local_symbol"] or "",
            "long_name": row["long_name"] or "",
            "price_magnifier": row["price_magnifier"],
            "resolved_at": now,
        },
    )
    return series


def bring_up_to_date(series: PriceSeries, now: datetime) -> None:
    """Fetch the new days; all days where they do not continue the stored ones."""
    if series.checked_at is not None and timedelta(0) <= now - series.checked_at < FRESH_FOR:
        return
    today = london_date(now)
    last = series.bars.order_by("-date").values_list("date", flat=True).first()
    fetched = fetch(series, history.needed_duration(last, today), today)
    problem = append(series, fetched, now)
    if problem:
        replace(series, fetch(series, history.FULL_DURATION, today), now, problem)


def fetch(series: PriceSeries, duration: str, today: date) -> list[DayBar]:
    payload = {"con_id": series.con_id, "duration": duration, "bar_size": "1 day", "what": "ADJUSTED_LAST"}
    rows = ask(RequestKind.HISTORY, payload | {"use_rth": True, "end": ""}, about=str(series))
    bars = history.read_bars(series.symbol, rows, today=today)
    if not bars:
        raise UnusableHistory(f"The broker states no completed day of {series} in {duration}.")
    return bars


@transaction.atomic
def append(series: PriceSeries, fetched: Sequence[DayBar], now: datetime) -> str:
    """Store the new days, and report why not where they do not continue the stored ones."""
    lock(series)
    stored = [as_bar(row) for row in series.bars.order_by("date")]
    comparison = history.compare(stored, fetched)
    if comparison.problem:
        return comparison.problem
    insert(series, comparison.new)
    if not stored:
        tell_loaded(series, comparison.new)
    mark_checked(series, now)
    return ""


@transaction.atomic
def replace(series: PriceSeries, fetched: Sequence[DayBar], now: datetime, problem: str) -> None:
    lock(series)
    series.bars.all().delete()
    insert(series, fetched)
    series.restated_at = now
    journal.record(
        step=STEP,
        message=f"line in {series.currency}: {problem}. All days were loaded again, since {fetched[0].on}.",
        level=Level.WARN,
        scope=SCOPE,
        symbol=series.symbol,
        data={"con_id": series.con_id, "problem": problem, "days": len(fetched)},
    )
    tell_gaps(series, fetched)
    mark_checked(series, now)


def lock(series: PriceSeries) -> None:
    PriceSeries.objects.select_for_update().get(pk=series.pk)


def mark_checked(series: PriceSeries, now: datetime) -> None:
    series.checked_at = now
    series.save(update_fields=["checked_at", "restated_at"])


def insert(series: PriceSeries, bars: Sequence[DayBar]) -> None:
    DailyBar.objects.bulk_create(
        DailyBar(
            series=series,
            date=bar.on,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
        )
        for bar in bars
    )


def tell_loaded(series: PriceSeries, bars: Sequence[DayBar]) -> None:
    journal.record(
        step=STEP,
        message=f"{len(bars)} days of the line in {series.currency} loaded, {bars[0].on} to {bars[-1].on}",
        scope=SCOPE,
        symbol=series.symbol,
        data={"con_id": series.con_id, "days": len(bars)},
    )
    tell_gaps(series, bars)


def tell_gaps(series: PriceSeries, bars: Sequence[DayBar]) -> None:
    gaps = history.describe_gaps([bar.on for bar in bars])
    if gaps:
        journal.record(
            step=STEP,
            message=f"line in {series.currency}: the broker states {gaps}",
            level=Level.WARN,
            scope=SCOPE,
            symbol=series.symbol,
        )


def stored_closes(series: PriceSeries) -> tuple[Close, ...]:
    rows = series.bars.order_by("date").values_list("date", "close")
    return tuple(Close(on, float(value)) for on, value in rows)


def as_bar(row: DailyBar) -> DayBar:
    return DayBar(row.date, row.open, row.high, row.low, row.close, row.volume)
