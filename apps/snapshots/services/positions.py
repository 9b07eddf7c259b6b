"""Capturing how the open option trades stand: one snapshot a trade and trading day."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import TradeDirection
from apps.broker.models import Instrument, Trade
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.snapshots import selectors
from apps.snapshots.domain.options import open_entry_premium
from apps.snapshots.domain.position import Held, Surroundings, capture
from apps.snapshots.exceptions import IncompleteAnswer
from apps.snapshots.models import PositionSnapshot
from apps.snapshots.option_market import REQUESTED_BY, OptionMarket, read_market, require_connection
from apps.snapshots.trading_day import trading_day, trading_session
from tradeops.lib.known import Unknown

logger = logging.getLogger(__name__)

STEP = "Position snapshot"
SCOPE = "snapshots"
MONEY = Decimal("0.0001")
PRICE = Decimal("0.00000001")
NOTE_LENGTH = 500
# Whoever captures at the same time waits, and then finds what is there already.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('snapshots_positions', 0))"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A trade without its snapshot. `may_succeed`: trying again may bring it."""

    trade: Trade
    reason: str
    may_succeed: bool

    def __str__(self) -> str:
        return f"Failed to capture {self.trade.instrument}: {self.reason}"


@dataclass(slots=True)
class Capture:
    """What a run brought. `already`: trades that had their snapshot of the day before it; `not_yet`: a sentence for
    each trade that was opened only after the day had closed."""

    taken: list[PositionSnapshot] = field(default_factory=list)
    already: int = 0
    failed: list[Failure] = field(default_factory=list)
    untracked: list[str] = field(default_factory=list)
    not_yet: list[str] = field(default_factory=list)

    @property
    def is_empty_book(self) -> bool:
        return not (self.taken or self.already or self.failed or self.not_yet)

    @property
    def notes(self) -> list[str]:
        """What a person can do about what is missing; each once."""
        return list(dict.fromkeys(row.note for row in self.taken if row.note))


def quiet(done: int, total: int, text: str) -> None:
    return None


def capture_positions(
    *,
    now: datetime,
    meant_for: datetime | None = None,
    is_last_attempt: bool = True,
    job_run: int | None = None,
    dry_run: bool = False,
    progress: Progress = quiet,
) -> Capture:
    """Ask the broker and store a snapshot of every open option trade that has none of its trading day.

    That is the day, by the calendar of its exchange, of `meant_for` (None: of now). A trade whose exchange has begun
    another day since is left out: its quotes are of that one. So is a trade that was opened after the day had closed:
    its first snapshot is that of the next session.

    Raises BrokerUnknown, and stores nothing, when the broker cannot be asked. What fails for a single trade is told
    and kept in `failed`; the others are stored. Unless `is_last_attempt` those whose surroundings (underlying, SPY,
    VIX) got no answer are left to the next one.
    """
    require_connection()
    trades = list(broker_state.open_option_trades())
    found = Capture(untracked=selectors.untracked_options(trades))
    sessions = {trade.pk: trading_session(meant_for or now, trade.instrument) for trade in trades}
    days = {trade: day for trade, (day, _) in sessions.items()}
    present = selectors.captured_among(days.items())
    absent = [trade for trade in trades if (trade.pk, days[trade.pk]) not in present]
    found.already = len(trades) - len(absent)
    due = [trade for trade in absent if trade.opened_at <= sessions[trade.pk][1].closes_at]
    found.not_yet = [_not_yet(trade, days[trade.pk]) for trade in absent if trade not in due]
    found.failed += [failure for trade in due if (failure := _too_late(trade, days[trade.pk], now))]
    able = _described(without_failed(due, found), found)
    if able:
        market = read_market(
            [trade.instrument for trade in able], selectors.known_underlyings(able), now=now, progress=progress
        )
        attempt = Attempt(market, now, is_last_attempt, job_run)
        rows = [row for trade in able if (row := _attempt(trade, days[trade.pk], attempt, found)) is not None]
        progress(len(rows), len(due), "storing" if not dry_run else "not storing")
        found.taken = rows if dry_run else _store(rows, found)
    if not dry_run:
        _tell(found)
    return found


def _not_yet(trade: Trade, day: date) -> str:
    return (
        f"{trade.instrument} was opened at {trade.opened_at:%Y-%m-%d %H:%M} UTC, after the close of {day}: its first "
        "snapshot is that of the next session's close."
    )


def _too_late(trade: Trade, day: date, now: datetime) -> Failure | None:
    today = trading_day(now, trade.instrument)
    if today == day:
        return None
    return Failure(trade, f"meant for {day}; its exchange's quotes are of {today} by now", may_succeed=False)


def without_failed(trades: Sequence[Trade], found: Capture) -> list[Trade]:
    failed = {failure.trade.pk for failure in found.failed}
    return [trade for trade in trades if trade.pk not in failed]


def _described(trades: Sequence[Trade], found: Capture) -> list[Trade]:
    """Those of which the contract is known. Without its details its multiplier and magnifier are mere defaults: what
    is not there yet is asked for."""
    vague = [trade for trade in trades if trade.instrument.min_tick is None]
    if not vague:
        return list(trades)
    questions = [{"con_id": trade.instrument.con_id} for trade in vague]
    for trade, answer in zip(vague, broker.find_each(questions=questions, requested_by=REQUESTED_BY), strict=True):
        if isinstance(answer, Unknown):
            may_succeed = not isinstance(answer, broker.NoSuchContract)
            found.failed.append(Failure(trade, answer.reason, may_succeed))
    # What is described only now may be worth other money, and its trades were derived anew.
    fresh = {trade.pk: trade for trade in broker_state.open_option_trades()}
    return [fresh[trade.pk] for trade in without_failed(trades, found) if trade.pk in fresh]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was seen of the market, and what it is used for."""

    market: OptionMarket
    now: datetime
    is_last: bool
    job_run: int | None

    def surroundings_of(self, underlying: Instrument | Unknown) -> Surroundings:
        return Surroundings(
            stock=self.market.sight_of(underlying),
            stock_magnifier=underlying.price_magnifier if isinstance(underlying, Instrument) else 1,
            vix=self.market.sight_of(self.market.vix),
            spy=self.market.sight_of(self.market.spy),
        )


def _attempt(trade: Trade, day: date, attempt: Attempt, found: Capture) -> PositionSnapshot | None:
    """None, with the failure kept, when this one cannot be had: the others go on."""
    con_id, market = trade.instrument.con_id, attempt.market
    try:
        if con_id not in market.sights:
            reason = market.failed.get(con_id, "the broker's answer left it out")
            found.failed.append(Failure(trade, reason, may_succeed=con_id not in market.hopeless))
            return None
        around = attempt.surroundings_of(market.underlyings[con_id])
        if around.unanswered and not attempt.is_last:
            reason = f"no answer about its underlying, SPY or VIX: {around.unanswered}"
            found.failed.append(Failure(trade, reason, may_succeed=True))
            return None
        return _row(trade, day, attempt, around)
    except Exception as error:
        logger.exception("Failed to capture %s", trade.instrument)
        found.failed.append(Failure(trade, f"{type(error).__name__}: {error}"[:300], may_succeed=False))
        return None


def _row(trade: Trade, day: date, attempt: Attempt, around: Surroundings) -> PositionSnapshot:
    instrument, underlying = trade.instrument, attempt.market.underlyings[trade.instrument.con_id]
    sight, stock = attempt.market.sights[instrument.con_id], around.stock
    captured = capture(held_of(trade), day, sight, around)
    notes = [sight.note, stock.note if stock else ""]
    return PositionSnapshot(
        trade=trade,
        snapshot_date=day,
        captured_at=sight.at or attempt.now,
        account=trade.account,
        instrument=instrument,
        underlying=underlying if isinstance(underlying, Instrument) else None,
        price_source=sight.source,
        stock_price_source=stock.source if stock else "",
        missing={name: reason.value for name, reason in captured.missing.items()},
        missing_count=len(captured.missing),
        note=" ".join(dict.fromkeys(note for note in notes if note))[:NOTE_LENGTH],
        job_run=attempt.job_run,
        **{name: rounded(name, value) for name, value in captured.values.items()},
    )


def rounded(name: str, value: Decimal | float | int | None) -> Decimal | float | int | None:
    if not isinstance(value, Decimal):
        return value
    return value.quantize(MONEY if name == "current_pnl" else PRICE)


def held_of(trade: Trade) -> Held:
    """A trade of `selectors.open_option_trades`. Raises IncompleteAnswer for one of which nothing is open."""
    instrument = trade.instrument
    if trade.open_quantity <= 0:
        raise IncompleteAnswer("nothing of it is open")
    closed_quantity, closed_value = (getattr(trade, name) for name in ("closed_quantity", "closed_entry_value"))
    worth = instrument.multiplier / instrument.price_magnifier
    entry = open_entry_premium(
        entry_premium=trade.entry_price / instrument.price_magnifier,
        open_quantity=trade.open_quantity,
        closed_quantity=closed_quantity or Decimal(0),
        closed_entry_premium=(closed_value or Decimal(0)) / worth / instrument.price_magnifier,
    )
    return Held(
        is_long=trade.direction == TradeDirection.LONG,
        contracts=trade.open_quantity,
        entry_premium=entry,
        multiplier=instrument.multiplier,
        price_magnifier=instrument.price_magnifier,
        right=instrument.right,
        strike=instrument.strike,
        expires_on=instrument.expires_on,
    )


def _store(rows: Sequence[PositionSnapshot], found: Capture) -> list[PositionSnapshot]:
    """All at once; one by one where a single row cannot be stored, so that it costs no other."""
    try:
        return _insert(rows, found)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        logger.warning("the position snapshots cannot be stored together; trying one by one")
    stored = []
    for row in rows:
        try:
            stored += _insert([row], found)
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            if row.trade is not None:
                found.failed.append(Failure(row.trade, str(error).strip()[:300], may_succeed=False))
    return stored


@transaction.atomic
def _insert(rows: Sequence[PositionSnapshot], found: Capture) -> list[PositionSnapshot]:
    """Those that were stored: what another run has captured meanwhile stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    present = selectors.captured_among((row.trade_id, row.snapshot_date) for row in rows)
    new = [row for row in rows if (row.trade_id, row.snapshot_date) not in present]
    PositionSnapshot.objects.bulk_create(new)
    found.already += len(rows) - len(new)
    return new


def _tell(found: Capture) -> None:
    for failure in found.failed:
        symbol = failure.trade.instrument.symbol
        journal.record(step=STEP, message=str(failure), level=Level.ERROR, scope=SCOPE, symbol=symbol)
    for row in found.taken:
        if row.missing:
            logger.warning("Failed to capture %s of %s: %s", ", ".join(row.missing), row.instrument, reasons(row))
    for remark in found.untracked:
        journal.record(step=STEP, message=remark, level=Level.WARN, scope=SCOPE)
    incomplete = sum(bool(row.missing) for row in found.taken)
    message = f"captured {len(found.taken)} position snapshots, {incomplete} of them incomplete"
    message += f"; {found.already} were there already" if found.already else ""
    message += f"; {len(found.not_yet)} were opened after the close" if found.not_yet else ""
    message += f"; {len(found.failed)} failed" if found.failed else ""
    journal.record(step=STEP, message=message, level=Level.WARN if found.failed else Level.INFO, scope=SCOPE)


def reasons(row: PositionSnapshot) -> str:
    return ", ".join(sorted(set(row.missing.values()))).replace("_", " ")
