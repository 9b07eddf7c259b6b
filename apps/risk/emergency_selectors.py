"""What is stopped, what an emergency action would find, and whether trading may go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from apps.broker import selectors as broker
from apps.broker.choices import EmergencyKind, OrderState, Scope, StopSource, TradingPermission
from apps.broker.domain.orders import AT_RISK, ENTERING
from apps.broker.models import EmergencyRun, Order, TradingState
from apps.broker.models.stops import ENDED
from apps.risk import reconciliation_selectors
from apps.risk.services import emergency_flag
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown


@dataclass(frozen=True, slots=True)
class StopInForce:
    scope: Scope
    target: str
    permission: TradingPermission
    source: str
    reason: str
    set_by: str
    set_at: datetime | None
    ends_at: datetime | None = None

    def __str__(self) -> str:
        where = f"{self.scope.label} {self.target}".strip()
        return f"{where}: {self.permission.label} ({self.source}) by {self.set_by}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ToCancel:
    """`entries` and `external` are among the `orders`."""

    orders: int
    entries: int
    external: int


def stops_in_force() -> list[StopInForce]:
    """Every stop of every source, the halt file of this machine among them; the newest first."""
    rows = TradingState.objects.exclude(permission=TradingPermission.ACTIVE).order_by("-set_at")
    found = [
        StopInForce(
            Scope(row.scope), row.target, TradingPermission(row.permission), row.source, row.reason, row.set_by,
            row.set_at, row.ends_at,
        )
        for row in rows
    ]  # fmt: skip
    flag = emergency_flag.read()
    if flag is not None:
        found.append(StopInForce(flag.scope, flag.target, flag.permission, "halt file", flag.reason, flag.actor, None))
    return found


def unfinished_runs() -> QuerySet[EmergencyRun]:
    """Halts, cancel-alls and close-alls under way, those included that nobody could verify yet."""
    return EmergencyRun.objects.exclude(state__in=ENDED).exclude(kind=EmergencyKind.RESUME)


def reconciliation_is_clean() -> Known[bool] | Unknown:
    """Do ledger and broker agree? Known False names nothing: `reconciliation_problems` does.

    Unknown where nobody has compared them: trading is not resumed on hope.
    """
    problems = reconciliation_problems()
    if problems:
        return Known(False, clock.now())
    view = broker.session()
    if not view.is_following or view.synchronised_at is None:
        return Unknown(f"the tables do not follow the broker: {view.reason or view.state.label.lower()}")
    return reconciliation_selectors.is_clean()


def reconciliation_problems() -> list[str]:
    locked = TradingState.objects.filter(source=StopSource.RECONCILIATION).exclude(permission=TradingPermission.ACTIVE)
    problems = [f"{row}: {row.reason}" for row in locked]
    unresolved = Order.objects.filter(state=OrderState.UNRESOLVED).select_related("instrument")
    return problems + [f"{order} is unresolved: nobody knows whether the broker has it" for order in unresolved]


def orders_to_cancel(scope: Scope, target: str, *, entries_only: bool) -> list[Order]:
    """What a halt or cancel-all would find in the ledger now."""
    rows = Order.objects.filter(_in_scope(scope, target), state__in=AT_RISK).select_related("account", "instrument")
    return list(rows.filter(purpose__in=ENTERING) if entries_only else rows)


def count_to_cancel() -> ToCancel:
    """Of what a cancel of everything would find now."""
    return ToCancel(
        **Order.objects.filter(state__in=AT_RISK).aggregate(
            orders=Count("pk"),
            entries=Count("pk", filter=Q(purpose__in=ENTERING)),
            external=Count("pk", filter=Q(is_external=True)),
        )
    )


def _in_scope(scope: Scope, target: str) -> Q:
    match scope:
        case Scope.ACCOUNT:
            return Q(account__code=target)
        case Scope.STRATEGY:
            return Q(strategy=target)
        case Scope.INSTRUMENT:
            return Q(instrument__con_id=int(target)) if target.isdecimal() else Q(pk=None)
    return Q()
