"""What the broker says of an order becomes its state in the ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.broker import gate, ledger, selectors
from apps.broker.choices import OrderPurpose, OrderState, Side, TimeInForce
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.orders import unresolved
from apps.broker.gateway.rows import OrderRow
from apps.broker.gateway.synchroniser import Look
from apps.broker.gateway.writer import write_changes, write_snapshot
from apps.broker.models import Execution, Order, OrderEvent, TradingState
from apps.broker.services.orders import request_cancel, request_modification
from apps.journal.models import Event, Incident
from tests.broker.ledger.builders import (
    BEGIN,
    changes,
    execution_row,
    instrument_row,
    make_order,
    order_row,
    position_row,
    snapshot,
)
from tradeops.lib import clock

pytestmark = pytest.mark.django_db

S = OrderState
SELL = Side.SELL


def sent(**values: Any) -> Order:
    """An order of 10 that the gateway has sent."""
    order = make_order(**values)
    for before, after in ((S.PROPOSED, S.APPROVED), (S.APPROVED, S.SUBMITTING)):
        ledger.move(order.pk, before=[before], after=after, message="test", submitted_at=BEGIN)
    return order


def hear(*rows: object) -> None:
    write_changes(changes(*rows), 1)


def look(*rows: object, completed: list[OrderRow] | None = None, second: float = 60) -> None:
    write_snapshot(snapshot(rows, completed=completed or (), second=second), Changes(), 1)


def of(order: Order, status: str = "Submitted", **values: Any) -> OrderRow:
    return order_row(7, status, **({"order_ref": str(order.pk)} | values))


def part(order: Order, number: int, quantity: str, price: str = "100", *, revision: int = 1, **values: Any) -> Any:
    name = f"{order.pk.hex[:8]}.{number}.{revision:02}"
    return execution_row(name, quantity=quantity, price=price, perm_id=7, order_ref=str(order.pk), **values)


def now(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def standing(order: Order) -> tuple[str, Decimal, Decimal | None]:
    row = now(order)
    return row.state, row.filled_quantity, row.average_fill_price


def test_shown_order_works_and_parts_are_counted_from_executions() -> None:
    order = sent()
    hear(of(order))
    assert (now(order).state, now(order).perm_id, now(order).acknowledged_at) == (S.WORKING, 7, BEGIN)
    hear(part(order, 1, "4", "100"))
    hear(part(order, 2, "2", "103"))
    assert standing(order) == (S.WORKING, 6, 101)
    hear(part(order, 3, "4", "101"))
    assert standing(order) == (S.FILLED, 10, 101)


def test_filled_is_believed_only_when_executions_agree() -> None:
    order = sent()
    hear(of(order, "Filled", filled=10))
    assert standing(order) == (S.WORKING, 10, 100), "said, but no execution is known"
    hear(part(order, 1, "10", "99"))
    assert standing(order) == (S.FILLED, 10, 99)


def test_filled_without_executions_is_believed_when_the_lists_repeat_it() -> None:
    """The broker forgets executions at midnight."""
    order = sent()
    ended = of(order, "Filled", filled=10, as_of=BEGIN)
    look(completed=[ended])
    assert now(order).state == S.WORKING
    look(completed=[of(order, "Filled", filled=10, as_of=BEGIN + timedelta(seconds=15))], second=75)
    assert now(order).state == S.FILLED and "lists nothing" in now(order).state_reason


def test_fill_without_any_status_is_followed() -> None:
    """Answers were lost and it was filled unseen: only executions tell of it."""
    order = sent()
    look(part(order, 1, "10"))
    assert standing(order) == (S.FILLED, 10, 100) and now(order).perm_id == 7


def test_cancelled_keeps_the_brokers_words_and_a_late_fill_wins() -> None:
    order = sent()
    hear(of(order))
    hear(of(order, "Cancelled", reason="Order Canceled - reason: by hand (IBKR 202)"))
    assert now(order).state == S.CANCELLED and "by hand" in now(order).state_reason
    hear(part(order, 1, "10"))
    assert standing(order) == (S.FILLED, 10, 100)


def test_part_of_a_cancelled_order_does_not_make_it_work_again() -> None:
    order = sent()
    hear(of(order, "Cancelled", filled=4))
    hear(part(order, 1, "4", "102"))
    assert standing(order) == (S.CANCELLED, 4, 102)
    look(part(order, 1, "4", "102"), completed=[of(order, "Cancelled", filled=4)])
    hear(part(order, 1, "4", "101", revision=2))
    assert standing(order) == (S.CANCELLED, 4, 101)


@pytest.mark.parametrize(
    ("status", "reason", "cancel_asked", "state"),
    [
        ("Cancelled", "Order rejected - reason: margin (IBKR 201)", False, S.REJECTED),
        ("Inactive", "no permission", False, S.REJECTED),
        ("Inactive", "Order rejected - reason: margin (IBKR 201)", True, S.REJECTED),
        ("Inactive", "", True, S.CANCELLED),
        ("Cancelled", "Order expired at the end of the day", False, S.EXPIRED),
        ("Cancelled", "", True, S.CANCELLED),
    ],
)
def test_end_is_told_in_the_brokers_words(status: str, reason: str, cancel_asked: bool, state: OrderState) -> None:
    order = sent(cancel_requested_at=BEGIN if cancel_asked else None)
    look(completed=[of(order, status, reason=reason)])
    assert now(order).state == state


def test_correction_changes_the_fill_of_an_ended_order_and_is_told() -> None:
    order = sent()
    hear(of(order), part(order, 1, "6", "100"), part(order, 2, "4", "100"))
    assert standing(order) == (S.FILLED, 10, 100)
    hear(part(order, 2, "4", "105", revision=2))
    assert standing(order) == (S.FILLED, 10, 102)
    hear(part(order, 2, "3", "105", revision=3), of(order, "Filled", filled=10))
    assert standing(order)[:2] == (S.FILLED, 9), "the order's own count is older than the correction"
    assert OrderEvent.objects.filter(message__contains="corrected").count() == 2


def test_modified_quantity_is_not_filled_at_the_old_one() -> None:
    order = sent()
    hear(of(order))
    Order.objects.filter(pk=order.pk).update(wanted_changes={"quantity": "20"}, modify_sent_at=BEGIN)
    hear(part(order, 1, "10"))
    assert standing(order)[0] == S.WORKING
    hear(of(order, quantity=20, filled=10))
    assert now(order).quantity == 20 and now(order).state == S.WORKING
    hear(part(order, 2, "10"))
    assert standing(order) == (S.FILLED, 20, 100)


@pytest.mark.parametrize("steps", [(), (S.APPROVED,)])
def test_order_that_the_ledger_has_not_sent_is_at_the_broker_all_the_same(steps: tuple[OrderState, ...]) -> None:
    """After a backup was restored: it must not be sent again."""
    order = make_order()
    for after in steps:
        ledger.move(order.pk, before=[S.PROPOSED], after=after, message="test")
    hear(of(order))
    assert now(order).state == S.WORKING and now(order).perm_id == 7
    assert now(order).events.filter(message="the broker has it already").exists()


def test_order_that_was_denied_here_is_adopted_when_the_broker_has_it() -> None:
    order = make_order()
    ledger.move(order.pk, before=[S.PROPOSED], after=S.DENIED, message="test")
    hear(of(order))
    adopted = Order.objects.get(is_external=True)
    assert (adopted.state, now(order).state) == (S.WORKING, S.DENIED) and str(order.pk) in adopted.reason


def test_second_order_under_one_reference_is_adopted_and_halts_its_instrument(
    django_capture_on_commit_callbacks: Any,
) -> None:
    order = sent()
    hear(of(order))
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            look(of(order), order_row(8, order_ref=str(order.pk)))
    told = order.events.get(message__contains="second order")
    assert told.data["escalation"] == "second order"
    assert Order.objects.get(is_external=True).perm_id == 8
    found = gate.look(con_id=order.instrument.con_id)
    assert not found.admits(OrderPurpose.ENTRY) and found.admits(OrderPurpose.EXIT)
    assert gate.look(con_id=order.instrument.con_id + 1).admits(OrderPurpose.ENTRY)
    stop = TradingState.objects.get()
    assert (stop.scope, stop.source, stop.ending) == ("instrument", "broker", "person")
    incident = Incident.objects.get(key="second-order:8")
    assert incident.severity == "critical" and "--source broker" in incident.detail


def test_halt_on_a_second_order_that_was_lost_with_the_gateway_is_made_up_for(
    django_capture_on_commit_callbacks: Any,
) -> None:
    order = sent()
    hear(of(order))
    look(of(order), order_row(8, order_ref=str(order.pk)))
    assert order.events.filter(message__contains="second order").exists() and not TradingState.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        look(of(order), order_row(8, order_ref=str(order.pk)))
    assert not gate.look(con_id=order.instrument.con_id).admits(OrderPurpose.ENTRY)
    assert order.events.filter(message__contains="second order").count() == 1


def test_order_that_is_gone_is_ended_by_a_cancel_once_two_looks_agree() -> None:
    """Good till cancelled: its day is never over, and the lists name only what ended today."""
    order = sent(time_in_force=TimeInForce.GOOD_TILL_CANCELLED)
    hear(of(order))
    look()
    assert now(order).state == S.UNRESOLVED
    empty, begun = snapshot((), second=60), clock.now() + timedelta(minutes=1)
    for seconds in (0, 6, 12):
        unresolved.judge(Look(begun + timedelta(seconds=seconds), empty))
    assert now(order).state == S.UNRESOLVED
    request_cancel(order_id=order.pk, actor="ann")
    unresolved.judge(Look(begun + timedelta(seconds=18), empty))
    assert now(order).state == S.CANCELLED and "no list names it" in now(order).state_reason


def test_terms_that_somebody_changed_at_the_broker_are_followed_and_told_of() -> None:
    order = sent()
    hear(of(order))
    look(of(order, quantity=25, limit_price=Decimal(510)))
    row = now(order)
    assert (row.quantity, row.limit_price, row.wanted_changes, row.modify_sent_at) == (25, 510, {}, None)
    event = Event.objects.get(message__contains="changed at the broker")
    assert event.level == "ERROR" and "quantity 10 to 25, limit_price 500 to 510" in event.message
    look(of(order, quantity=25, limit_price=Decimal(510)), second=75)
    assert Event.objects.filter(message__contains="changed at the broker").count() == 1


def test_terms_are_not_taken_for_changed_while_a_modification_is_under_way() -> None:
    order = sent()
    hear(of(order))
    request_modification(order_id=order.pk, changes={"limit_price": Decimal(490)}, actor="ann")
    look(of(order, limit_price=Decimal(510)))
    assert now(order).limit_price == 500 and now(order).wanted_changes == {"limit_price": "490"}


def test_quantity_that_a_group_reduced_is_followed_without_an_alarm() -> None:
    order = sent(oca_group="pair")
    hear(of(order))
    look(of(order, quantity=6))
    assert now(order).quantity == 6
    assert Event.objects.get(message__contains="its group reduced it").level == "INFO"


def test_working_order_that_no_list_names_is_unresolved() -> None:
    order = sent()
    hear(of(order))
    look()
    assert now(order).state == S.UNRESOLVED
    look(of(order))
    assert now(order).state == S.WORKING


def test_lists_told_again_leave_no_trace() -> None:
    order = sent()
    rows = [of(order, filled=4), part(order, 1, "4")]
    look(*rows)
    events, updated = OrderEvent.objects.count(), now(order).updated_at
    look(*rows, second=75)
    hear(*rows)
    assert (OrderEvent.objects.count(), now(order).updated_at) == (events, updated)


def test_orders_of_others_are_adopted_once_with_a_guess_and_an_announcement() -> None:
    """30 held: a sale of 10 closes, a purchase opens."""
    held = position_row("30")
    rows = [order_row(11, side=SELL), order_row(12), order_row(13, side=SELL, order_type="STP", aux_price=Decimal(90))]
    look(held, *rows)
    look(held, *rows, second=75)
    purposes = dict(selectors.external_activity().values_list("perm_id", "purpose"))
    assert purposes == {11: OrderPurpose.EXIT, 12: OrderPurpose.ENTRY, 13: OrderPurpose.PROTECTIVE}
    assert Event.objects.filter(step="External activity").count() == 3
    assert set(selectors.external_activity().values_list("state", flat=True)) == {S.WORKING}


def test_sale_by_hand_of_all_that_was_held_is_an_exit() -> None:
    """It is known after the position has gone."""
    sold = execution_row("s.01", SELL, perm_id=11, second=10)
    look(sold, completed=[order_row(11, "Filled", side=SELL, filled=10)])
    assert Order.objects.get().purpose == OrderPurpose.ENTRY, "without a position nothing tells of an exit"
    write_snapshot(snapshot([position_row("0", second=20), execution_row("t.01", SELL, perm_id=12, second=15)],
                            completed=[order_row(12, "Filled", side=SELL, filled=10)]), Changes(), 1)  # fmt: skip
    assert Order.objects.get(perm_id=12).purpose == OrderPurpose.EXIT
    assert Order.objects.get(perm_id=12).state == S.FILLED


def test_terms_that_others_change_are_followed() -> None:
    look(order_row(11))
    look(order_row(11, quantity=7, limit_price=Decimal(480)), second=75)
    row = Order.objects.get()
    assert (row.quantity, row.limit_price, row.state) == (7, 480, S.WORKING)


def test_executions_of_which_no_order_is_shown_are_adopted_after_a_while() -> None:
    bought = [execution_row("a.01", quantity="4", perm_id=11), execution_row("b.01", quantity="6", perm_id=11)]
    look(*bought, second=5)
    assert not Order.objects.exists(), "the order may come with the next look"
    look(*bought, second=20)
    look(*bought, second=35)
    row = Order.objects.get()
    assert (row.is_external, row.state, row.filled_quantity, row.side) == (True, S.FILLED, 10, Side.BUY)
    assert Event.objects.filter(step="External activity").count() == 1


def test_booking_without_a_permanent_id_is_adopted_by_itself() -> None:
    for second in (20, 35):
        look(execution_row("a.01", perm_id=0), execution_row("b.01", perm_id=0), second=second)
    assert Order.objects.count() == 2 and set(Order.objects.values_list("perm_id", flat=True)) == {None}


def test_legs_of_a_combination_do_not_fill_it_twice() -> None:
    bag = instrument_row("SPY", 28812380, sec_type="BAG")
    rows = [execution_row("a.01", quantity="1", perm_id=11, instrument=bag)]
    rows += [execution_row(f"l.{n}.01", quantity="1", perm_id=11, instrument=instrument_row("SPY", n)) for n in (1, 2)]
    look(*rows, completed=[order_row(11, "Filled", quantity=1, filled=1, instrument=bag)])
    row = Order.objects.get()
    assert (row.instrument.sec_type, row.filled_quantity, row.state) == ("BAG", 1, S.FILLED)


def test_executions_are_stored_though_the_ledger_refuses_an_order() -> None:
    order = sent(perm_id=99)
    hear(of(order), part(order, 1, "10"))
    assert Execution.objects.count() == 1 and now(order).state == S.SUBMITTING
