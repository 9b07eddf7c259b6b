"""The receipts of emergency actions, and what they mean for the ledger. Synchronous."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from apps.broker.choices import EmergencyKind, EmergencyState, OrderState, Scope, StopSource, TradingPermission
from apps.broker.domain.orders import AT_RISK, most_restrictive
from apps.broker.exceptions import OrderMovedOn
from apps.broker.gateway.orders.actions import Action, Receipt
from apps.broker.gateway.orders.escalation import on_escalation
from apps.broker.gateway.orders.flag import CAME_BY
from apps.broker.gateway.orders.subject import subject_of
from apps.broker.models import Account, EmergencyRun, Order, TradingState
from apps.broker.models.stops import CANCELLING, OVER_DATA_LINK, UNFINISHED
from apps.broker.services.orders import request_cancel
from apps.broker.services.trading_states import set_trading_state
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

STEP, SCOPE = "Emergency", "broker"
OURS = [EmergencyKind.HALT, EmergencyKind.CANCEL_ALL, EmergencyKind.CLOSE_ALL]
NOT_SENT = [OrderState.PROPOSED, OrderState.APPROVED]
SUBJECT = "emergency not verified"


def read(except_for: Collection[UUID]) -> list[Action]:
    """What is asked for and not in hand, also by a gateway that died over it."""
    rows = EmergencyRun.objects.filter(kind__in=OURS, state__in=CANCELLING).exclude(pk__in=except_for)
    return [_action(row) for row in rows.order_by("requested_at")]


def _action(row: EmergencyRun) -> Action:
    # Where the login has no other account, everything may be cancelled at once, also what was given by hand.
    others = Account.objects.exclude(code=row.account)
    by_account = row.scope == Scope.EVERYTHING and bool(row.account) and others.exists()
    return Action(
        id=row.pk,
        kind=EmergencyKind(row.kind),
        scope=Scope.ACCOUNT if by_account else Scope(row.scope),
        target=row.account if by_account else row.target,
        permission=TradingPermission(row.permission or TradingPermission.HALTED),
        reason=row.reason,
        actor=row.actor,
        came_by=row.came_by,
        requested_at=row.requested_at,
    )


@transaction.atomic
def begin(action: Action, receipt: Receipt) -> None:
    """A flag's action is written down here first, with the stop that it stands for."""
    if action.came_by == CAME_BY:
        _write_flag(action)
    started = EmergencyRun.objects.filter(pk=action.id, state=EmergencyState.REQUESTED)
    if started.update(state=EmergencyState.CANCELLING):
        _record(action, f"{_name(action)}: cancelling orders: {action.reason}", _level(action))
    if action.cancels_all:
        _cancel_unsent(action)
    _mark_cancels(action, receipt)


def _write_flag(action: Action) -> None:
    values = {
        "kind": action.kind,
        "scope": action.scope,
        "target": action.target,
        "permission": action.permission,
        "reason": action.reason,
        "actor": action.actor,
        "came_by": action.came_by,
        "requested_at": action.requested_at,
    }
    _, is_new = EmergencyRun.objects.get_or_create(pk=action.id, defaults=values)
    same = TradingState.objects.filter(scope=action.scope, target=action.target, source=StopSource.MANUAL).first()
    before = TradingPermission(same.permission) if same else TradingPermission.ACTIVE
    if is_new and most_restrictive([before, action.permission]) is not before:
        set_trading_state(
            scope=action.scope,
            target=action.target,
            permission=action.permission,
            source=StopSource.MANUAL,
            reason=action.reason,
            actor=action.actor,
        )


def _cancel_unsent(action: Action) -> None:
    waiting = Order.objects.filter(state__in=NOT_SENT).select_related("account", "instrument").order_by("pk")
    for order in waiting:
        if action.concerns(subject_of(order)):
            with contextlib.suppress(OrderMovedOn):
                request_cancel(order_id=order.pk, actor=action.actor, reason=_name(action))


def _mark_cancels(action: Action, receipt: Receipt) -> None:
    """The ledger knows who cancelled its orders; whatever of them still works is pursued there too.

    The ledger decides which: an order of unknown fate is not over because the broker does not list it (yet).
    """
    ids = [UUID(entry["order"]) for entry in receipt.results.values() if entry["order"]]
    asked = Order.objects.filter(pk__in=ids, state__in=AT_RISK, cancel_requested_at=None)
    for order_id in asked.order_by("pk").values_list("pk", flat=True):
        with contextlib.suppress(OrderMovedOn, Order.DoesNotExist):
            request_cancel(order_id=order_id, actor=action.actor, reason=_name(action))


@transaction.atomic
def save(action: Action, receipt: Receipt) -> None:
    """What is known by now. An action of which the broker showed the end is done, however late."""
    run = EmergencyRun.objects.select_for_update().get(pk=action.id)
    if run.state in (EmergencyState.DONE, EmergencyState.OTHERS, EmergencyState.FAILED):
        # A flag that outlived the gateway: its receipt stands.
        return
    _mark_cancels(action, receipt)
    run.state = _state(action, receipt, EmergencyState(run.state))
    run.results = list(receipt.results.values())
    run.picture = receipt.picture
    run.problem = receipt.problem
    if receipt.over_data_link_at is not None:
        run.found = {**run.found, OVER_DATA_LINK: receipt.over_data_link_at.isoformat()}
    run.first_cancel_at, run.last_cancel_at = receipt.first_cancel_at, receipt.last_cancel_at
    run.ended_at = None if run.state in UNFINISHED else clock.now()
    run.save()
    if receipt.verified:
        told = f"verified at the broker, {len(run.results)} orders{'; ' if run.problem else ''}{run.problem}"
        _record(action, f"{_name(action)}: {told}", Level.ERROR if run.problem else _level(action))
    elif receipt.problem:
        data = {"run": str(action.id), "results": run.results}
        on_escalation(SUBJECT, f"{_name(action)}: {receipt.problem}", data=data)


def _state(action: Action, receipt: Receipt, before: EmergencyState) -> EmergencyState:
    closes = action.kind is EmergencyKind.CLOSE_ALL
    if not receipt.verified:
        return EmergencyState.ESCALATED if receipt.problem else EmergencyState.CANCELLING
    if closes and before is EmergencyState.ESCALATED:
        # A person has taken over, perhaps with a close-all of their own: no position is closed late and unasked.
        return before
    # Who closes the positions takes it up from there.
    if closes:
        return EmergencyState.CLOSING
    return EmergencyState.OTHERS if receipt.problem else EmergencyState.DONE


def _record(action: Action, message: str, level: Level) -> None:
    data = {"run": str(action.id), "kind": action.kind.value, "scope": action.scope.value, "target": action.target}
    journal.record(step=STEP, message=message, level=level, scope=SCOPE, data=data, actor=action.actor)


def _level(action: Action) -> Level:
    """A drill is nothing that people should look up for."""
    return Level.INFO if action.is_drill else Level.WARN


def _name(action: Action) -> str:
    what = f"{action.kind.label} {action.scope.label.lower()} {action.target}".strip()
    return f"Halt drill, {what}" if action.is_drill else what
