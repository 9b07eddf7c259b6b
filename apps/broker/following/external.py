"""Adopting orders that were given in TWS or by another program: the ledger counts them like its own."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Sum

from apps.broker.choices import OrderState
from apps.broker.following.purposes import guess_purpose
from apps.broker.following.rules import Filled, Source, verdict
from apps.broker.gateway.rows import OrderRow
from apps.broker.models import Account, Instrument, Order, OrderEvent, Position
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

STEP, SCOPE = "Order", "broker"


def adopt(rows: Iterable[tuple[OrderRow, Source]]) -> None:
    """Write ledger rows for orders that the ledger does not know. Their instruments and accounts are in the tables."""
    pairs = list(rows)
    accounts = {account.code: account for account in Account.objects.filter(code__in={row.account for row, _ in pairs})}
    con_ids = {row.instrument.con_id for row, _ in pairs}
    instruments = {item.con_id: item for item in Instrument.objects.filter(con_id__in=con_ids)}
    orders = [
        _order(row, source, accounts[row.account], instruments[row.instrument.con_id])
        for row, source in pairs
        if row.account in accounts and row.instrument.con_id in instruments
    ]
    known = set(
        Order.objects.filter(idempotency_key__in=[o.idempotency_key for o in orders]).values_list("perm_id", flat=True)
    )
    new = [order for order in orders if order.perm_id not in known]
    Order.objects.bulk_create(new)
    _record(new)


def _order(row: OrderRow, source: Source, account: Account, instrument: Instrument) -> Order:
    filled = Filled(row.filled, row.average_fill_price)
    found = verdict(row, source, filled, wanted=row.quantity, cancel_requested=False)
    return Order(
        idempotency_key=f"external:{row.perm_id}",
        account=account,
        instrument=instrument,
        side=row.side,
        quantity=row.quantity,
        order_type=row.order_type[:8],
        limit_price=row.limit_price,
        stop_price=row.aux_price,
        time_in_force=row.time_in_force[:3] or "DAY",
        oca_group=row.oca_group,
        purpose=guess_purpose(row.side, row.quantity, row.order_type, _held(account, instrument)),
        reason="given in TWS or by another program" + (f", reference {row.order_ref}" if row.order_ref else ""),
        requested_by=f"client {row.client_id}",
        is_external=True,
        state=found.state if found else OrderState.WORKING,
        state_reason=found.message[:500] if found else "",
        state_since=row.as_of,
        client_id=row.client_id,
        order_id=row.order_id,
        perm_id=row.perm_id,
        acknowledged_at=row.as_of,
        filled_quantity=row.filled,
        average_fill_price=row.average_fill_price,
        created_at=row.as_of,
    )


def _held(account: Account, instrument: Instrument) -> Decimal:
    held = Position.objects.filter(account=account, instrument=instrument).aggregate(total=Sum("quantity"))["total"]
    return held or Decimal(0)


def _record(orders: list[Order]) -> None:
    """Working ones are news for people; how the others ended is history."""
    now = clock.now()
    OrderEvent.objects.bulk_create(
        OrderEvent(order=order, at=now, before="", after=order.state, message="adopted: " + order.state_reason[:480])
        for order in orders
    )
    journal.record_all(
        [
            journal.draft(
                step=STEP,
                message=f"{order}: adopted, {order.reason} ({order.requested_by})",
                level=Level.WARN,
                scope=SCOPE,
                symbol=order.instrument.symbol,
                data={"order": str(order.pk), "state": str(order.state), "perm_id": order.perm_id},
            )
            for order in orders
            if order.state == OrderState.WORKING
        ]
    )
