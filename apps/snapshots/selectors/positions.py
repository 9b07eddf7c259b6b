"""Reading position snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.broker import selectors as broker_state
from apps.broker.choices import TradeDirection
from apps.broker.models import Instrument, Trade
from apps.snapshots.domain.position import FIELDS
from apps.snapshots.models import PositionSnapshot
from apps.snapshots.trading_day import NEW_YORK, calendar_for
from tradeops.lib.known import Unknown
from tradeops.lib.sessions import Session, last_session

NOTHING = Decimal(0)


def position_snapshots() -> QuerySet[PositionSnapshot]:
    """Newest first, with what their rows show."""
    rows = PositionSnapshot.objects.select_related("trade", "account", "instrument", "underlying")
    return rows.order_by("-snapshot_date", "-id")


def path_of(trade: Trade) -> QuerySet[PositionSnapshot]:
    """How the trade went, the oldest day first."""
    return PositionSnapshot.objects.filter(trade=trade).order_by("snapshot_date")


def path_curves(rows: Sequence[PositionSnapshot]) -> dict[str, Any]:
    """For the charts: seconds since 1970, and values, null where unknown."""
    moments = [int(datetime.combine(row.snapshot_date, time(), UTC).timestamp()) for row in rows]
    names = {"pnl": "current_pnl_pct", "distance": "distance_to_strike_pct", "iv": "iv", "delta": "delta"}
    return {curve: [moments, [getattr(row, name) for row in rows]] for curve, name in names.items()}


def count_captured_since(*, at: datetime) -> int:
    return PositionSnapshot.objects.filter(captured_at__gte=at).count()


def count_missing(*, now: datetime) -> int:
    """Open option trades without the snapshot that was due when New York last closed before `now`, though open then.

    Due is that of the day at the option's own exchange: what that has traded since is due at the next close.
    """
    due_at = last_close(NEW_YORK, now)
    sessions: dict[str, tuple[date, Session]] = {}
    wanted = set()
    for trade in broker_state.open_option_trades():
        calendar = calendar_for(trade.instrument)
        if calendar not in sessions:
            sessions[calendar] = last_session(calendar, due_at)
        day, session = sessions[calendar]
        if trade.opened_at <= min(due_at, session.closes_at):
            wanted.add((trade.pk, day))
    return len(wanted) - len(captured_among(wanted))


def last_close(calendar: str, now: datetime) -> datetime:
    _, session = last_session(calendar, now)
    if session.closes_at > now:
        _, session = last_session(calendar, session.opens_at - timedelta(microseconds=1))
    return session.closes_at


def captured_among(wanted: Iterable[tuple[int | None, date]]) -> set[tuple[int | None, date]]:
    """Those of the trades (by id) and days that have their snapshot."""
    pairs = set(wanted)
    trades, days = {trade for trade, _ in pairs}, {day for _, day in pairs}
    rows = PositionSnapshot.objects.filter(trade__in=trades, snapshot_date__in=days)
    return pairs & set(rows.values_list("trade_id", "snapshot_date"))


def known_underlyings(trades: Sequence[Trade]) -> dict[int, Instrument]:
    """What earlier snapshots found the options to be on, by the option's contract id."""
    rows = PositionSnapshot.objects.filter(
        instrument__in=[trade.instrument_id for trade in trades], underlying__min_tick__isnull=False
    )
    newest = rows.order_by("instrument_id", "-snapshot_date").distinct("instrument_id")
    found = {row.instrument.con_id: row.underlying for row in newest.select_related("instrument", "underlying")}
    return {con_id: underlying for con_id, underlying in found.items() if underlying is not None}


def untracked_options(trades: Sequence[Trade]) -> list[str]:
    """A sentence for each option holding at the broker that open trades do not explain: it has no snapshot."""
    held = broker_state.positions()
    if isinstance(held, Unknown):
        return [f"Which options are held without an open trade is unknown: {held.reason}."]
    explained: dict[tuple[int, int], Decimal] = {}
    for trade in trades:
        key = trade.account_id, trade.instrument_id
        signed = trade.open_quantity if trade.direction == TradeDirection.LONG else -trade.open_quantity
        explained[key] = explained.get(key, NOTHING) + signed
    options = [row for row in held.value if row.instrument.sec_type in broker_state.OPTION_TYPES]
    rest = [(row, row.quantity - explained.get((row.account_id, row.instrument_id), NOTHING)) for row in options]
    return [
        f"{quantity.normalize():+f} {row.instrument} held in {row.account} belong to no open trade: not captured. "
        "At which premium they were opened is not known to TradeOps; see the runbook: Option snapshots."
        for row, quantity in sorted(rest, key=lambda pair: (str(pair[0].instrument), pair[0].account_id))
        if quantity
    ]


def position_document(row: PositionSnapshot) -> dict[str, Any]:
    """For machines: numbers, null where unknown."""
    return {
        "id": row.pk,
        "trade_id": row.trade_id,
        "account": row.account.code,
        "symbol": row.instrument.symbol,
        "contract": str(row.instrument),
        "con_id": row.instrument.con_id,
        "currency": row.instrument.currency,
        "snapshot_date": row.snapshot_date.isoformat(),
        **{name: number(getattr(row, name)) for name in FIELDS},
        "captured_at": row.captured_at.isoformat(),
        "price_source": row.price_source,
        "stock_price_source": row.stock_price_source,
        "missing": row.missing,
        "note": row.note,
    }


def number(value: Decimal | float | int | None) -> float | int | None:
    return float(value) if isinstance(value, Decimal) else value
