"""The portfolio to compare with: the latest snapshot of the traded account."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.broker import selectors as broker
from apps.snapshots import selectors as snapshots
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from apps.strategies.domain.universe import recognise
from apps.strategies.exceptions import NoSnapshot

WARNED_AFTER = timedelta(hours=24)
REFUSED_AFTER = timedelta(hours=48)
REMEDY = "take one first with `manage.py snapshot`"


def latest_snapshot() -> PortfolioSnapshot | None:
    """Of the account that is traded; None where it has none, or where it is not clear which account that is."""
    account = broker.default_account()
    return snapshots.latest_snapshot(account=account.code) if account else None


def require_snapshot(now: datetime) -> tuple[PortfolioSnapshot, list[str]]:
    """With warnings about its age. Raises NoSnapshot when there is none, or none of the last 48 hours."""
    snapshot = latest_snapshot()
    if snapshot is None:
        raise NoSnapshot(why_none())
    age = now - snapshot.taken_at
    told = f"The latest snapshot is of {snapshot.taken_at:%Y-%m-%d %H:%M} UTC, {age / timedelta(hours=1):.0f} h ago"
    if age > REFUSED_AFTER:
        raise NoSnapshot(f"{told}; older than 48 h is refused: {REMEDY}.")
    if snapshot.total_equity <= 0:
        raise NoSnapshot(
            f"The latest snapshot states an equity of {snapshot.total_equity:,.2f}: weights have no meaning."
        )
    return snapshot, [f"{told}: the portfolio may have changed."] if age > WARNED_AFTER else []


def why_none() -> str:
    account = broker.default_account()
    if account is None and snapshots.latest_snapshot() is not None:
        return "It is not clear which account is traded: set IBKR_ACCOUNT to the one that follows the signal."
    return f"There is no portfolio snapshot{f' of {account}' if account else ''}: {REMEDY}."


def positions_of(snapshot: PortfolioSnapshot) -> list[SnapshotPosition]:
    return list(snapshot.positions.select_related("instrument"))


def fund_of(position: SnapshotPosition) -> str | None:
    """The signal symbol of a fund held in any of its lines; None for everything else."""
    instrument = position.instrument
    return recognise(
        symbol=position.symbol,
        sec_type=instrument.sec_type,
        exchanges=(instrument.primary_exchange, instrument.exchange),
    )
