"""Watching the account: baselines that survive, breaches that stop trading, incidents that tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, Scope, StopEnding, StopSource, TradingPermission
from apps.broker.domain.orders import most_restrictive
from apps.broker.models import Account, TradingState
from apps.journal import services as journal
from apps.journal.choices import Level, Severity
from apps.risk import selectors
from apps.risk.choices import LimitName, MonitorRule
from apps.risk.day import read_peak
from apps.risk.domain import monitors as domain
from apps.risk.domain.day import Day
from apps.risk.domain.flow import order_to_trade_ratio
from apps.risk.domain.limits import Limits
from apps.risk.domain.monitors import Key, Reading, Readings
from apps.risk.models import EquityWatch, LimitBreach
from apps.risk.monitoring import (
    read_equity,
    read_exposure,
    read_loss_streaks,
    read_reject_streaks,
    read_round_trips,
)
from apps.risk.services import emergency
from apps.risk.services.day import remember_day
from apps.risk.services.emergency_rows import lock_presses
from apps.risk.services.emergency_watch import next_trading_day
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

STEP, SCOPE, ACTOR = "Monitor", "risk", "monitor"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('risk_monitor', %s))"
BLIND_AFTER = timedelta(minutes=5)


def watch(*, account: Account | None = None, now: datetime | None = None) -> list[Reading]:
    """One round for the traded account: [] while it is not known which that is. Not for use inside a transaction."""
    account = account or broker_state.default_account()
    if account is None:
        return []
    moment = now or clock.now()
    limits = selectors.values_of(selectors.effective_limits(account=account.code, now=moment))
    equity = read_equity(account, limits, now=moment)
    return judge(account=account, equity=equity, limits=limits, now=moment)


@transaction.atomic
def judge(*, account: Account, equity: Known[Decimal] | Unknown, limits: Limits, now: datetime) -> list[Reading]:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account.pk])
    # What ends takes the gate's lock, what begins presses: in that order it would wait for a person who halts.
    lock_presses(EmergencyKind.HALT)
    _end_with_the_day(account, now)
    _note_releases(account, now)
    unbooked = _peaks_without_later_bookings(account, now)
    today = remember_day(account, equity, now)
    _tell_if_blind(account, equity, now)
    _tell_order_to_trade(account, limits, now)
    readings = Readings(
        account=account.code,
        equity=equity,
        day_start=today.base if isinstance(today, Day) else None,
        total=Known(today.pnl, now) if isinstance(today, Day) else today,
        peak=read_peak(account, now),
        realised=broker_state.realised_today(account.code, now=now),
        exposure=read_exposure(account, now),
        loss_streaks=read_loss_streaks(account),
        reject_streaks=read_reject_streaks(account),
        round_trips=read_round_trips(account, now),
    )
    active = {_key(row): row for row in open_breaches(account)}
    found = domain.judge(readings, limits, active=list(active))
    for reading in found:
        row = active.get(reading.key)
        if row is not None and row.pk in unbooked and reading.is_breached is False:
            without = replace(readings, peak=unbooked[row.pk])
            if _owes_it_to_a_payment(row, domain.judge(without, limits, active=list(active))):
                _leave_to_a_person(row)
        _apply(account, row, reading, now)
    return found


def open_breaches(account: Account) -> list[LimitBreach]:
    return list(LimitBreach.objects.filter(account=account, ended_at=None))


def _key(row: LimitBreach) -> Key:
    return Key(MonitorRule(row.rule), Scope(row.scope), row.target)


def _tell_if_blind(account: Account, equity: Known[Decimal] | Unknown, now: datetime) -> None:
    """Without equity no loss is noticed: that is never an all-clear."""
    key = f"equity-unknown:{account.code}"
    if isinstance(equity, Known):
        journal.resolve_incident(key=key, detail="the equity is known again", actor=ACTOR, now=now)
        return
    seen = EquityWatch.objects.filter(account=account).first()
    since = seen.known_at if seen else account.as_of
    if now - since > BLIND_AFTER and not broker_state.planned_restart():
        journal.open_incident(
            key=key,
            title=f"The equity of {account} is unknown: losses cannot be watched",
            severity=Severity.CRITICAL,
            detail=f"Not known since {since:%Y-%m-%d %H:%M} UTC: {equity.reason}\nSee the session; halt if in doubt.",
            scope=SCOPE,
            actor=ACTOR,
            now=now,
        )


def _tell_order_to_trade(account: Account, limits: Limits, now: datetime) -> None:
    """A warning before MAX_ORDER_TO_TRADE denies."""
    key, bound = f"order-to-trade:{account.code}", limits[LimitName.ORDER_TO_TRADE_WARNING]
    orders, traded = broker_state.given_since(account, broker_state.trading_day_start(now))
    if bound is None or order_to_trade_ratio(orders, traded) <= bound:
        journal.resolve_incident(
            key=key, detail=f"{orders} orders and changes today, {traded} traded", actor=ACTOR, now=now
        )
        return
    journal.open_incident(
        key=key,
        title=f"{account}: many orders, few trades",
        severity=Severity.WARNING,
        detail=f"{orders} orders and changes were given today, {traded} traded. Above {bound:f} for each that trades "
        "this is told; above MAX_ORDER_TO_TRADE entries are denied. Look at what the strategies do.",
        scope=SCOPE,
        actor=ACTOR,
        now=now,
    )


def _apply(account: Account, row: LimitBreach | None, reading: Reading, now: datetime) -> None:
    if reading.is_breached is None or reading.value is None:
        return
    if reading.is_breached and row is None:
        _open(account, reading, reading.value, now)
    elif reading.is_breached and row is not None:
        _go_on(row, reading, reading.value, now)
    elif row is not None and (row.ending != StopEnding.PERSON or row.released_at is not None):
        _end(row, f"over: {reading.sentence}", now)


def _peaks_without_later_bookings(account: Account, now: datetime) -> dict[int, Decimal | None]:
    """Of each drawdown that stands. To be read before the peak is raised, which payments may be the cause of."""
    rows = LimitBreach.objects.filter(account=account, rule=MonitorRule.DRAWDOWN, ended_at=None, released_at=None)
    rows = rows.filter(ending=StopEnding.RECOVERY)
    return {row.pk: read_peak(account, now, booked_by=row.opened_at) for row in rows}


def _owes_it_to_a_payment(row: LimitBreach, without: Iterable[Reading]) -> bool:
    """Whoever books payments would else lift a stop by himself, that takes two to resume."""
    if broker_state.payment_was_removed(account=row.account, since=row.opened_at):
        return True
    return any(reading.is_breached for reading in without if reading.key == _key(row))


def _leave_to_a_person(row: LimitBreach) -> None:
    row.ending = StopEnding.PERSON
    row.save()
    _record(row, "over by a payment booked or removed meanwhile, a person must resume", Level.WARN)
    _restate(row)


def _open(account: Account, reading: Reading, value: Decimal, now: datetime) -> None:
    rule = reading.key.rule
    ending = domain.ENDINGS[rule]
    row = LimitBreach.objects.create(
        account=account,
        rule=rule,
        scope=reading.key.scope,
        target=reading.key.target,
        value=value,
        limit=reading.limit,
        sentence=reading.sentence[:500],
        permission=domain.permission_of(rule),
        ending=ending,
        ends_at=next_trading_day(now) if ending is StopEnding.NEXT_TRADING_DAY else None,
        opened_at=now,
    )
    _record(row, "limit breached", Level.ERROR)
    _impose(row, now)


def _go_on(row: LimitBreach, reading: Reading, value: Decimal, now: datetime) -> None:
    back = row.released_value is not None and domain.is_worse(
        MonitorRule(row.rule), value, reading.limit, released=row.released_value
    )
    row.value, row.limit, row.sentence = value, reading.limit, reading.sentence[:500]
    if back:
        row.released_at, row.released_value, row.released_by = None, None, ""
    row.save()
    if back:
        _record(row, "limit breached further than when its stop was lifted", Level.ERROR)
        _impose(row, now)


def _impose(row: LimitBreach, now: datetime) -> None:
    """Halt as a person would: entries that work are cancelled too. Then one row says what all breaches together ask."""
    scope, permission = Scope(row.scope), TradingPermission(row.permission)
    stop = _stop(row)
    before = TradingPermission(stop.permission) if stop else TradingPermission.ACTIVE
    if most_restrictive([before, permission]) is not before:
        emergency.halt(
            scope=scope,
            target=row.target,
            reason=row.sentence,
            actor=ACTOR,
            came_by="limit",
            permission=permission,
            source=StopSource.LIMIT,
            ending=StopEnding(row.ending),
            ends_at=row.ends_at,
        )
    _restate(row)
    journal.open_incident(
        key=incident_key(row),
        title=f"{row.get_rule_display()}: {row.scope} {row.target} is beyond its limit",
        severity=Severity.CRITICAL,
        detail=f"{row.sentence}\nThe stop ends: {StopEnding(row.ending).label.lower()}.",
        scope=SCOPE,
        actor=ACTOR,
        now=now,
    )


def _restate(row: LimitBreach) -> None:
    """The scope's stop follows from the breaches that stand, the ones apart that a person has lifted."""
    standing = list(
        LimitBreach.objects.filter(scope=row.scope, target=row.target, ended_at=None, released_at=None).order_by("pk")
    )
    scope, target, source = Scope(row.scope), row.target, StopSource.LIMIT
    if not standing:
        broker.release_trading_state(scope=scope, target=target, source=source, reason=row.sentence, actor=ACTOR)
        return
    ending, ends_at = _ending_of(standing)
    broker.set_trading_state(
        scope=scope,
        target=target,
        source=source,
        permission=most_restrictive(TradingPermission(each.permission) for each in standing),
        reason="; ".join(each.sentence for each in standing),
        actor=ACTOR,
        ending=ending,
        ends_at=ends_at,
    )


def _ending_of(rows: Iterable[LimitBreach]) -> tuple[StopEnding, datetime | None]:
    """The last to end decides: a person, then recovery, then the day."""
    found = list(rows)
    for ending in (StopEnding.PERSON, StopEnding.RECOVERY):
        if any(row.ending == ending for row in found):
            return ending, None
    return StopEnding.NEXT_TRADING_DAY, max(row.ends_at for row in found if row.ends_at is not None)


def _end_with_the_day(account: Account, now: datetime) -> None:
    for row in LimitBreach.objects.filter(account=account, ended_at=None, ends_at__lte=now):
        _end(row, "the next trading day has begun", now)


def _end(row: LimitBreach, reason: str, now: datetime) -> None:
    row.ended_at = now
    row.save()
    _record(row, reason, Level.WARN)
    _restate(row)
    journal.resolve_incident(key=incident_key(row), detail=reason, actor=ACTOR, now=now)


def _note_releases(account: Account, now: datetime) -> None:
    """A person may lift a stop while its cause lasts: it is not put back each minute, only when it becomes worse."""
    for row in LimitBreach.objects.filter(account=account, ended_at=None, released_at=None):
        stop = _stop(row)
        if stop is not None and stop.permission == TradingPermission.ACTIVE:
            row.released_at, row.released_by, row.released_value = now, stop.set_by, row.value
            row.save()
            _record(row, f"its stop was lifted by {stop.set_by}", Level.WARN)


def _stop(row: LimitBreach) -> TradingState | None:
    return TradingState.objects.filter(scope=row.scope, target=row.target, source=StopSource.LIMIT).first()


def incident_key(row: LimitBreach) -> str:
    return f"limit:{row.rule}:{row.target}"[:128]


def _record(row: LimitBreach, what: str, level: Level) -> None:
    data = {"breach": row.pk, "rule": row.rule, "value": str(row.value), "limit": str(row.limit)}
    message = f"{row.account}: {what}: {row.sentence}"[: journal.MESSAGE_LENGTH]
    journal.record(step=STEP, message=message, level=level, scope=SCOPE, data=data, actor=ACTOR)
