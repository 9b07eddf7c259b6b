"""Adopting orders that were given in TWS or by another program: the ledger counts them like its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Case, F, Q, Sum, When

from apps.broker.choices import OrderState, Side
from apps.broker.following.applying import terms_of
from apps.broker.following.executed import Executed
from apps.broker.following.purposes import guess_purpose
from apps.broker.following.rules import Filled, Known, Source, count_filled, verdict
from apps.broker.gateway.rows import ExecutionRow, OrderRow
from apps.broker.models import Account, Execution, Instrument, Order, OrderEvent, Position
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

logger = logging.getLogger(__name__)

STEP, SCOPE = "External activity", "broker"
AWAY = (OperationalError, InterfaceError)


def adopt(pairs: Iterable[tuple[OrderRow, Source]]) -> None:
    """Write ledger rows for orders that the ledger does not know."""
    rows = list(pairs)
    known = _References([row for row, _ in rows])
    executed = Executed([row.perm_id for row, _ in rows], [])
    _store([known.order(row, source, executed) for row, source in rows if known.can_name(row)])


def adopt_executed(groups: Mapping[str, list[ExecutionRow]], executed: Executed) -> None:
    """As `adopt`, where only executions tell that there was an order: it counts as filled, for as much as they say."""
    rows = {key: _whole(group) for key, group in groups.items()}
    known = _References(list(rows.values()))
    _store([known.executed(key, row, groups[key], executed) for key, row in rows.items() if known.can_name(row)])


def _whole(group: list[ExecutionRow]) -> ExecutionRow:
    """The one that stands for the order: of a combination not a leg."""
    return next((row for row in group if row.instrument.sec_type == "BAG"), group[0])


class _References:
    """Their instruments and accounts are in the tables by now."""

    def __init__(self, rows: list[Any]) -> None:
        codes, con_ids = {row.account for row in rows}, {row.instrument.con_id for row in rows}
        self._accounts = {account.code: account for account in Account.objects.filter(code__in=codes)}
        self._instruments = {item.con_id: item for item in Instrument.objects.filter(con_id__in=con_ids)}

    def can_name(self, row: OrderRow | ExecutionRow) -> bool:
        return row.account in self._accounts and row.instrument.con_id in self._instruments

    def order(self, row: OrderRow, source: Source, executed: Executed) -> Order:
        account, instrument = self._accounts[row.account], self._instruments[row.instrument.con_id]
        counted = executed.count(instrument.pk, row.perm_id)
        filled = count_filled(row, counted.filled, counted.most, Filled())
        found = verdict(row, source, Known(OrderState.WORKING, row.quantity, counted.filled, filled))
        held = _held_before(account, instrument, row.perm_id)
        return Order(
            idempotency_key=f"external:{row.perm_id}",
            account=account,
            instrument=instrument,
            side=row.side,
            order_type=row.order_type[:8],
            time_in_force=row.time_in_force[:3] or "DAY",
            oca_group=row.oca_group,
            purpose=guess_purpose(row.side, row.quantity, row.order_type, held),
            reason=_reason(row.order_ref),
            requested_by=_giver(row),
            is_external=True,
            state=found.state if found else OrderState.WORKING,
            state_reason=found.message[:500] if found else "",
            state_since=row.as_of,
            client_id=row.client_id,
            order_id=row.order_id,
            perm_id=row.perm_id,
            acknowledged_at=row.as_of,
            filled_quantity=filled.quantity,
            average_fill_price=filled.average,
            created_at=row.as_of,
            **terms_of(row),
        )

    def executed(self, key: str, row: ExecutionRow, group: list[ExecutionRow], executed: Executed) -> Order:
        account, instrument = self._accounts[row.account], self._instruments[row.instrument.con_id]
        filled = executed.count(instrument.pk, row.perm_id).filled if row.perm_id else Filled(row.quantity, row.price)
        held = _held_before(account, instrument, row.perm_id) if row.perm_id else Decimal(0)
        first_at = min(item.executed_at for item in group)
        return Order(
            idempotency_key=key,
            account=account,
            instrument=instrument,
            side=row.side,
            quantity=filled.quantity,
            order_type="",
            purpose=guess_purpose(row.side, filled.quantity, "", held),
            reason=f"{_reason(row.order_ref)}; only its executions are known",
            requested_by=_giver(row),
            is_external=True,
            state=OrderState.FILLED,
            state_reason="the broker lists its executions and no such order",
            state_since=first_at,
            client_id=row.client_id,
            order_id=row.order_id,
            perm_id=row.perm_id or None,
            filled_quantity=filled.quantity,
            average_fill_price=filled.average,
            created_at=first_at,
        )


def _reason(reference: str) -> str:
    return "given in TWS or by another program" + (f", reference {reference}" if reference else "")


def _giver(row: OrderRow | ExecutionRow) -> str:
    """Orders given by hand in TWS belong to client 0."""
    return f"client {row.client_id}"


def _held_before(account: Account, instrument: Instrument, perm_id: int) -> Decimal:
    """The position, taken back to before the first execution of the order."""
    position = Position.objects.filter(account=account, instrument=instrument).first()
    if position is None:
        return Decimal(0)
    counted = Execution.objects.filter(account=account, instrument=instrument, is_current=True)
    first = counted.filter(perm_id=perm_id).order_by("executed_at", "id").first()
    if first is None:
        return position.quantity
    since = Q(executed_at__gt=first.executed_at) | Q(executed_at=first.executed_at, pk__gte=first.pk)
    signed = Case(When(side=Side.BUY, then=F("quantity")), default=-F("quantity"))
    later = counted.filter(since, executed_at__lte=position.as_of).aggregate(total=Sum(signed))["total"]
    return position.quantity - (later or Decimal(0))


def _store(orders: list[Order]) -> None:
    """One that the database refuses does not take the others along."""
    keys = [order.idempotency_key for order in orders]
    known = set(Order.objects.filter(idempotency_key__in=keys).values_list("idempotency_key", flat=True))
    for order in orders:
        if order.idempotency_key in known:
            continue
        try:
            with transaction.atomic():
                order.save(force_insert=True)
                _record(order)
        except AWAY:
            raise
        except DatabaseError as error:
            logger.error("the order %s of others cannot be adopted: %s", order.perm_id, error)


def _record(order: Order) -> None:
    """What works or traded is news for people; what others gave and took back is not."""
    message = f"adopted: {order.state_reason[:480]}"
    OrderEvent.objects.create(order=order, at=clock.now(), before="", after=order.state, message=message)
    if order.state != OrderState.WORKING and not order.filled_quantity:
        return
    journal.record(
        step=STEP,
        message=f"{order}: {order.get_state_display().lower()}, {order.reason} ({order.requested_by}), "
        f"taken for an order of the kind {order.get_purpose_display()!r}",
        level=Level.WARN,
        scope=SCOPE,
        symbol=order.instrument.symbol,
        data={"order": str(order.pk), "state": str(order.state), "perm_id": order.perm_id},
    )
