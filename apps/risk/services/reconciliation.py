"""Comparing ledger and broker, and keeping the breaks: what differs, since when, what it locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from apps.broker import selectors as broker_state
from apps.broker.models import Account, Instrument
from apps.journal import services as journal
from apps.journal.choices import Level
from apps.risk.choices import BreakKind, BreakState, RunTrigger
from apps.risk.domain.reconciling import (
    Difference,
    compare_fills,
    compare_orders,
    compare_positions,
    compare_values,
    text,
)
from apps.risk.models import Adoption, OpeningBalance, ReconciliationRun
from apps.risk.reconciling import broker_side, ledger
from apps.risk.reconciling.broker_side import BrokerSide
from apps.risk.services import breaks
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

STEP, SCOPE = "Reconciliation", "risk"
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('risk_reconciliation', %s))"
NO_ACCOUNT = "It is not clear which account is traded: set IBKR_ACCOUNT."
MOVING = "the first synchronisation waits until orders have settled"
PROBLEM_LENGTH = 500


def reconcile(
    *, trigger: RunTrigger, account: str = "", requested_by: str = "", now: datetime | None = None
) -> ReconciliationRun:
    """Ask the broker, compare, and write down what was found. Not for use inside a transaction.

    The broker's word counts: nothing here changes the ledger except the adoption at the first synchronisation.
    """
    started_at = now or clock.now()
    row = Account.objects.filter(code=account).first() if account else broker_state.default_account()
    if row is None:
        problem = f"There is no account {account}." if account else NO_ACCOUNT
        return _unknown(None, trigger, requested_by, problem, started_at)
    view = broker_state.session()
    if not view.is_following:
        problem = f"the tables do not follow the broker: {view.reason or view.state.label.lower()}"
        return _unknown(row, trigger, requested_by, problem, started_at)
    side = broker_side.ask(row.code, values=trigger is not RunTrigger.WATCH)
    return compare(account=row, side=side, trigger=trigger, requested_by=requested_by, started_at=started_at, now=now)


@transaction.atomic
def compare(
    *,
    account: Account,
    side: BrokerSide,
    trigger: RunTrigger,
    requested_by: str = "",
    started_at: datetime | None = None,
    now: datetime | None = None,
) -> ReconciliationRun:
    """The ledger as it is now against what the broker answered."""
    now = now or clock.now()
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [account.pk])
    problems = side.problems
    adopted = _adopt(account, side, now)
    if not adopted:
        problems.append(MOVING)
    found = {
        BreakKind.POSITION: _positions(account, side, now) if adopted else None,
        BreakKind.ORDER: _orders(account, side, now),
        BreakKind.EXECUTION: _executions(account, now),
        BreakKind.ACCOUNT: _values(account, side),
    }
    breaks.update(account=account, found=found, now=now)
    before = _latest(account)
    run = ReconciliationRun.objects.create(
        account=account,
        trigger=trigger,
        requested_by=requested_by,
        started_at=started_at or now,
        ended_at=now,
        positions_match=_verdict(found[BreakKind.POSITION]),
        orders_match=_verdict(found[BreakKind.ORDER]),
        executions_match=_verdict(found[BreakKind.EXECUTION]),
        account_matches=_verdict(found[BreakKind.ACCOUNT]),
        problem="; ".join(problems)[:PROBLEM_LENGTH],
        report=_report(account, side, found),
    )
    _keep(run, before, requested_by)
    return run


def _verdict(differences: Sequence[Difference] | None) -> bool | None:
    return None if differences is None else not differences


def _adopt(account: Account, side: BrokerSide, now: datetime) -> bool:
    """Take over what was held before; False while that cannot be told from fills on their way."""
    if Adoption.objects.filter(account=account).exists():
        return True
    if isinstance(side.positions, Unknown) or ledger.moving(account, now, working=False):
        return False
    held, traded = side.positions.value, ledger.traded(account)
    before = {con_id: held.get(con_id, Decimal(0)) - traded.get(con_id, Decimal(0)) for con_id in {*held, *traded}}
    instruments = {row.con_id: row for row in Instrument.objects.filter(con_id__in=before)}
    if set(before) - set(instruments):
        return False
    rows = [
        OpeningBalance(
            account=account,
            instrument=instruments[con_id],
            quantity=quantity,
            average_cost=side.costs.get(con_id),
            at=now,
        )
        for con_id, quantity in before.items()
        if quantity
    ]
    OpeningBalance.objects.bulk_create(rows)
    Adoption.objects.create(account=account, at=now, positions=len(rows))
    message = f"{account}: {len(rows)} positions adopted at the first synchronisation as opening balances"
    journal.record(step=STEP, message=message, scope=SCOPE, data={"positions": [str(row) for row in rows]})
    return True


def _positions(account: Account, side: BrokerSide, now: datetime) -> list[Difference] | None:
    if isinstance(side.positions, Unknown):
        return None
    ours, theirs = ledger.positions(account), side.positions.value
    return compare_positions(
        ours, theirs, symbols=ledger.symbols({*ours, *theirs}), moving=ledger.moving(account, now, working=True)
    )


def _orders(account: Account, side: BrokerSide, now: datetime) -> list[Difference] | None:
    if isinstance(side.orders, Unknown):
        return None
    return compare_orders(ledger.open_orders(account, now), side.orders.value)


def _executions(account: Account, now: datetime) -> list[Difference]:
    executed, stated, con_ids = ledger.fills(account, broker_state.trading_day_start(now))
    return compare_fills(executed, stated, con_ids=con_ids, moving=ledger.moving(account, now, working=True))


def _values(account: Account, side: BrokerSide) -> list[Difference] | None:
    if side.values is None or isinstance(side.values, Unknown):
        return None
    theirs = side.values.value
    known = {tag: broker_state.account_value(account.code, tag) for tag in broker_side.TAGS}
    ours = {tag: value.value for tag, value in known.items() if isinstance(value, Known)}
    equity = theirs.get("NetLiquidation")
    if equity is None or set(ours) != set(theirs):
        return None
    return compare_values(ours, theirs, equity=equity)


def _report(account: Account, side: BrokerSide, found: dict[BreakKind, list[Difference] | None]) -> dict[str, Any]:
    ours = ledger.positions(account)
    theirs = side.positions.value if isinstance(side.positions, Known) else None
    names = ledger.symbols({*ours, *(theirs or {})})
    return {
        "positions": [
            {
                "con_id": con_id,
                "symbol": names.get(con_id, ""),
                "ledger": text(ours.get(con_id, Decimal(0))),
                "broker": None if theirs is None else text(theirs.get(con_id, Decimal(0))),
            }
            for con_id in sorted({*ours, *(theirs or {})})
        ],
        "epoch": broker_state.session().epoch,
        "open_orders": len(side.orders.value) if isinstance(side.orders, Known) else None,
        "values": {tag: str(value) for tag, value in side.values.value.items()}
        if isinstance(side.values, Known)
        else None,
        "differences": [
            {"kind": kind, "what": difference.title, "in_flight": difference.in_flight}
            for kind, differences in found.items()
            for difference in differences or ()
        ],
    }


def _unknown(
    account: Account | None, trigger: RunTrigger, requested_by: str, problem: str, now: datetime
) -> ReconciliationRun:
    """No verdict: what cannot be asked is neither equal nor different."""
    before = _latest(account)
    run = ReconciliationRun.objects.create(
        account=account,
        trigger=trigger,
        requested_by=requested_by,
        started_at=now,
        ended_at=clock.now(),
        problem=problem[:PROBLEM_LENGTH],
    )
    _keep(run, before, requested_by)
    return run


def _latest(account: Account | None) -> ReconciliationRun | None:
    return ReconciliationRun.objects.filter(account=account).order_by("-started_at", "-id").first()


def _keep(run: ReconciliationRun, before: ReconciliationRun | None, actor: str) -> None:
    """What is looked at each minute and stays as it was takes the place of the look before it."""
    if run.trigger != RunTrigger.WATCH or before is None or before.verdict != run.verdict:
        _record(run, actor)
    elif before.trigger == RunTrigger.WATCH:
        before.delete()


def _record(run: ReconciliationRun, actor: str) -> None:
    message = f"reconciliation of {run.account or 'no account'}: ledger and broker {run.verdict}"
    level = {True: Level.INFO, False: Level.ERROR, None: Level.WARN}[run.is_clean]
    if run.problem:
        message += f": {run.problem}"
    data = {"run": run.pk, "trigger": run.trigger, "verdict": run.verdict}
    journal.record(
        step=STEP, message=message[: journal.MESSAGE_LENGTH], level=level, scope=SCOPE, data=data, actor=actor
    )


def unsettled() -> bool:
    """Is there something that a second look may decide at once?"""
    return breaks.unended().filter(state=BreakState.SETTLING).exists() or breaks.unended().filter(agreed=1).exists()
