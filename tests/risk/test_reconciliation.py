from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.broker import gate
from apps.broker.choices import OrderPurpose, OrderState, Side, StopSource, TradingPermission
from apps.broker.models import Account, Execution, HoldingChange, Order, TradingState
from apps.journal.models import Event, Incident
from apps.risk import reconciliation_selectors
from apps.risk.choices import BreakKind, BreakState, RunTrigger
from apps.risk.domain.reconciling import (
    Difference,
    OpenOrder,
    compare_fills,
    compare_orders,
    compare_positions,
    compare_values,
    is_cleared,
    state_of,
)
from apps.risk.exceptions import RiskError
from apps.risk.models import Adoption, Break, OpeningBalance, ReconciliationRun
from apps.risk.reconciling import ledger
from apps.risk.reconciling.broker_side import BrokerSide
from apps.risk.services import breaks
from apps.risk.services.reconciliation import compare, reconcile
from apps.risk.services.verdict_watch import VerdictWatch
from tests.broker import builders
from tests.broker.ledger.builders import make_order
from tradeops.lib.known import Known, Unknown

NOW = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
SPY, QQQ = 756733, 320227571
D = Decimal


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def side(
    positions: dict[int, int] | Unknown | None = None, orders: dict[int, OpenOrder] | None = None, **more: Any
) -> BrokerSide:
    if isinstance(positions, Unknown):
        more["positions"] = positions
        positions = None
    held = {con_id: D(quantity) for con_id, quantity in (positions or {}).items()}
    values: dict[str, Any] = {
        "positions": Known(held, NOW),
        "costs": {},
        "orders": Known(orders or {}, NOW),
        "values": Known({"NetLiquidation": D(100_000)}, NOW),
    }
    return BrokerSide(**(values | more))


def look(account: Account, picture: BrokerSide, now: datetime = NOW) -> ReconciliationRun:
    return compare(account=account, side=picture, trigger=RunTrigger.SCHEDULE, now=now)


@pytest.fixture
def account(db: None) -> Account:
    row = builders.account()
    row.values.create(tag="NetLiquidation", currency="USD", value="100000", as_of=NOW)
    builders.instrument()
    builders.instrument(QQQ, "QQQ")
    builders.session()
    return row


@pytest.fixture
def adopted(account: Account) -> Account:
    """Ten SPY, adopted."""
    look(account, side({SPY: 10}), after(-60))
    return account


@pytest.fixture
def booker(db: None) -> User:
    user = User.objects.create_user("rita")
    user.user_permissions.add(Permission.objects.get(codename="book_correction"))
    return User.objects.get(pk=user.pk)


# the pure part

quantities = st.dictionaries(st.integers(1, 6), st.integers(-3, 3).map(Decimal), max_size=6)


@given(quantities, quantities)
def test_positions_differ_exactly_where_the_union_of_both_sides_does(
    ours: dict[int, Decimal], theirs: dict[int, Decimal]
) -> None:
    found = compare_positions(ours, theirs, symbols={}, moving={1})
    wrong = {con_id for con_id in {*ours, *theirs} if ours.get(con_id, D(0)) != theirs.get(con_id, D(0))}
    assert {difference.con_id for difference in found} == wrong
    for difference in found:
        assert D(difference.ledger_value) == ours.get(difference.con_id or 0, D(0))
        assert D(difference.broker_value) == theirs.get(difference.con_id or 0, D(0))
        assert difference.in_flight is (difference.con_id == 1)


def test_orders_are_compared_from_both_sides() -> None:
    ours = {1: OpenOrder(SPY, D(10)), 2: OpenOrder(SPY, D(5)), 3: OpenOrder(SPY, D(1), in_flight=True)}
    theirs = {1: OpenOrder(None, D(10)), 2: OpenOrder(None, D(4)), 4: OpenOrder(None, D(7))}
    found = {row.subject: row for row in compare_orders(ours, theirs)}
    assert set(found) == {"2", "3", "4"}
    assert (found["3"].broker_value, found["4"].ledger_value) == ("", "")
    assert (found["2"].in_flight, found["3"].in_flight, found["4"].in_flight) == (False, True, True)


def test_fills_and_values_are_compared() -> None:
    found = compare_fills({1: D(5), 2: D(3)}, {1: D(5), 2: D(4), 3: D(1)}, con_ids={2: SPY, 3: QQQ}, moving=set())
    assert [(row.subject, row.con_id) for row in found] == [("2", SPY), ("3", QQQ)]
    near = compare_values({"NetLiquidation": D(100_900)}, {"NetLiquidation": D(100_000)}, equity=D(100_000))
    far = compare_values({"NetLiquidation": D(101_100)}, {"NetLiquidation": D(100_000)}, equity=D(100_000))
    assert (len(near), len(far)) == (0, 1)


@pytest.mark.parametrize(
    ("in_flight", "age", "expected"),
    [(True, 0, "settling"), (True, 4.9, "settling"), (True, 5, "open"), (False, 0, "open")],
)
def test_difference_younger_than_five_seconds_settles_while_an_order_is_on_its_way(
    in_flight: bool, age: float, expected: str
) -> None:
    difference = Difference(BreakKind.POSITION, "1", 1, "", "1", "2", in_flight)
    assert state_of(difference, first_seen_at=NOW, now=after(age)) == expected


def test_open_break_clears_when_both_sides_agree_twice() -> None:
    assert [is_cleared(BreakState.OPEN, agreed) for agreed in (1, 2)] == [False, True]
    assert is_cleared(BreakState.SETTLING, 1)


# adoption


@pytest.mark.mission(158)
def test_positions_from_before_are_adopted_once_as_opening_balances(account: Account) -> None:
    builders.execution(quantity=D(4))
    run = look(account, side({SPY: 10, QQQ: -3}))
    assert run.is_clean is True
    assert dict(OpeningBalance.objects.values_list("instrument__con_id", "quantity")) == {SPY: D(6), QQQ: D(-3)}
    look(account, side({SPY: 11, QQQ: -3}), after(60))
    assert OpeningBalance.objects.count() == 2
    assert Break.objects.get().title == "SPY USD: the ledger has 10, the broker 11"


def test_adoption_waits_until_nothing_is_on_its_way(account: Account) -> None:
    order = make_order(account=account, state=OrderState.PROPOSED)
    Order.objects.filter(pk=order.pk).update(updated_at=NOW)
    run = look(account, side({SPY: 10}))
    assert (run.positions_match, run.is_clean) == (None, None)
    assert "waits until orders have settled" in run.problem
    assert not Adoption.objects.exists()
    assert look(account, side({SPY: 10}), after(6)).is_clean is True


def test_opening_balances_are_written_once(adopted: Account) -> None:
    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        OpeningBalance.objects.update(quantity=1)
    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        OpeningBalance.objects.all().delete()


def test_ledger_position_is_opening_plus_executions_plus_changes(adopted: Account) -> None:
    spy = builders.instrument()
    builders.execution("a.01.01", quantity=D(5))
    builders.execution("b.01.01", quantity=D(2), side=Side.SELL)
    builders.execution("c.01.01", quantity=D(9), is_current=False)
    HoldingChange.objects.create(account=adopted, instrument=spy, at=NOW, kind="assignment", quantity=D(-1), reason="x")
    HoldingChange.objects.create(account=adopted, instrument=spy, at=NOW, kind="opening", quantity=D(7), reason="x")
    assert ledger.positions(adopted) == {SPY: D(12)}


# breaks


@pytest.mark.mission(158)
def test_difference_is_a_break_that_locks_the_instrument_and_says_so(adopted: Account) -> None:
    run = look(adopted, side({SPY: 12}))
    row = Break.objects.get()
    assert (run.verdict, row.state, row.ledger_value, row.broker_value) == ("differ", "open", "10", "12")
    assert not gate.look(con_id=SPY).admits(OrderPurpose.ENTRY)
    assert gate.look(con_id=QQQ).permission == TradingPermission.ACTIVE
    state = TradingState.objects.get(source=StopSource.RECONCILIATION)
    assert (state.target, state.ending) == (str(SPY), "recovery")
    incident = Incident.objects.get()
    assert (incident.severity, incident.scope) == ("critical", "risk")
    assert run.report["differences"][0]["what"] == "SPY USD: the ledger has 10, the broker 12"
    assert ledger.positions(adopted) == {SPY: D(10)}


def test_break_keeps_its_age_and_clears_itself_after_two_agreements(adopted: Account) -> None:
    look(adopted, side({SPY: 12}))
    look(adopted, side({SPY: 13}), after(60))
    row = Break.objects.get()
    assert (row.first_seen_at, row.seen, row.broker_value) == (NOW, 2, "13")
    look(adopted, side({SPY: 10}), after(120))
    look(adopted, side({SPY: 12}), after(180))
    look(adopted, side({SPY: 10}), after(240))
    row.refresh_from_db()
    assert (row.state, row.agreed) == ("open", 1)
    assert not gate.look(con_id=SPY).admits(OrderPurpose.ENTRY)
    look(adopted, side({SPY: 10}), after(300))
    row.refresh_from_db()
    assert (row.state, row.ended_at) == ("cleared", after(300))
    assert gate.look(con_id=SPY).permission == TradingPermission.ACTIVE
    assert Incident.objects.get().resolved_at is not None


def test_young_difference_with_a_working_order_settles_without_a_lock(adopted: Account) -> None:
    make_order(account=adopted, state=OrderState.PROPOSED)
    Order.objects.update(updated_at=NOW)
    look(adopted, side({SPY: 11}))
    assert Break.objects.get().state == BreakState.SETTLING
    assert not TradingState.objects.exists()
    look(adopted, side({SPY: 10}), after(2))
    assert Break.objects.get().state == BreakState.CLEARED
    Order.objects.update(updated_at=after(10))
    look(adopted, side({SPY: 11}), after(10))
    Order.objects.update(updated_at=after(16))
    look(adopted, side({SPY: 11}), after(16))
    assert Break.objects.filter(state=BreakState.OPEN).count() == 1


def test_instrument_stays_locked_while_another_break_of_it_is_open(adopted: Account) -> None:
    make_order(account=adopted, state=OrderState.PROPOSED)
    look(adopted, side({SPY: 12}, {77: OpenOrder(None, D(5))}))
    builders.order(77, account=adopted, is_open=True)
    look(adopted, side({SPY: 12}, {77: OpenOrder(None, D(5))}), after(30))
    assert {row.kind for row in reconciliation_selectors.open_breaks()} == {"position", "order"}
    for seconds in (60, 90):
        look(adopted, side({SPY: 10}, {77: OpenOrder(None, D(5))}), after(seconds))
    assert [row.kind for row in reconciliation_selectors.open_breaks()] == ["order"]


def test_unknown_side_gives_no_verdict_and_ends_no_break(adopted: Account) -> None:
    look(adopted, side({SPY: 12}))
    for seconds in (60, 120):
        run = look(adopted, side(positions=Unknown("timed out"), values=Unknown("timed out")), after(seconds))
        assert (run.positions_match, run.orders_match, run.account_matches) == (None, True, None)
        assert "positions: timed out" in run.problem
    assert Break.objects.get().state == BreakState.OPEN
    assert Break.objects.get().agreed == 0


def test_reconciliation_without_the_broker_says_unknown(account: Account) -> None:
    run = reconcile(trigger=RunTrigger.PERSON, account=account.code, requested_by="rita")
    assert run.is_clean is None and run.problem
    builders.session("disconnected", reason="the link was lost")
    run = reconcile(trigger=RunTrigger.PERSON, account=account.code)
    assert run.problem == "the tables do not follow the broker: the link was lost"
    assert reconcile(trigger=RunTrigger.PERSON, account="DU404").problem == "There is no account DU404."


def test_is_clean_is_known_only_from_a_fresh_and_complete_comparison(adopted: Account) -> None:
    assert reconciliation_selectors.is_clean(now=NOW) == Known(True, after(-60))
    assert isinstance(reconciliation_selectors.is_clean(now=after(900)), Unknown)
    look(adopted, side(positions=Unknown("timed out")), after(1))
    assert isinstance(reconciliation_selectors.is_clean(now=after(2)), Unknown)
    look(adopted, side({SPY: 12}), after(3))
    assert reconciliation_selectors.is_clean(now=after(4)) == Known(False, after(3))
    look(adopted, side({SPY: 10}), after(5))
    assert reconciliation_selectors.is_clean(now=after(6)) == Known(False, after(5))


def watch(account: Account, picture: BrokerSide, now: datetime) -> ReconciliationRun:
    return compare(account=account, side=picture, trigger=RunTrigger.WATCH, now=now)


def test_look_of_each_minute_keeps_and_tells_what_changes_only(adopted: Account) -> None:
    runs = ReconciliationRun.objects.filter(trigger=RunTrigger.WATCH)
    told = Event.objects.filter(step="Reconciliation").count()
    for seconds in (60, 120, 180):
        assert watch(adopted, side({SPY: 10}, values=None), after(seconds)).is_clean is True
    assert [run.started_at for run in runs] == [after(180)]
    assert Event.objects.filter(step="Reconciliation").count() == told, "the run before said the same"
    for seconds in (240, 300):
        watch(adopted, side({SPY: 12}, values=None), after(seconds))
    assert [(run.started_at, run.verdict) for run in runs.all()] == [(after(300), "differ"), (after(180), "agree")]
    assert Event.objects.filter(step="Reconciliation").count() == told + 1
    assert reconciliation_selectors.latest_run(adopted).trigger == RunTrigger.SCHEDULE, "in every part"


def test_new_york_is_compared_once_after_its_close(adopted: Account) -> None:
    closed = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
    due = {
        minutes: reconciliation_selectors.needs_close(now=closed + timedelta(minutes=minutes))
        for minutes in (-1, 0, 59, 60)
    }
    assert due == {-1: False, 0: True, 59: True, 60: False}
    for picture, still_due in ((side(positions=Unknown("timed out")), True), (side({SPY: 10}), False)):
        compare(account=adopted, side=picture, trigger=RunTrigger.CLOSE, now=closed + timedelta(minutes=1))
        assert reconciliation_selectors.needs_close(now=closed + timedelta(minutes=2)) is still_due


def test_half_an_hour_without_a_verdict_is_an_incident_until_there_is_one(adopted: Account) -> None:
    lost, verdicts = side(positions=Unknown("timed out")), VerdictWatch()

    def minute(number: int, picture: BrokerSide | None, *, reachable: bool = True) -> bool:
        now = after(60 * number)
        builders.session("ready" if reachable else "disconnected", heartbeat_at=now)
        if picture is not None:
            look(adopted, picture, now)
        verdicts.look(now=now)
        return Incident.objects.filter(key=f"no-verdict:{adopted.code}", resolved_at=None).exists()

    minute(0, side({SPY: 10}))
    assert not any(minute(number, lost) for number in range(1, 30))
    assert not minute(30, None, reachable=False)
    assert not any(minute(number, lost) for number in range(31, 61)), "away in between"
    assert minute(61, lost)
    assert "timed out" in Incident.objects.get(key=f"no-verdict:{adopted.code}").detail
    assert minute(62, None)
    assert Incident.objects.get(key=f"no-verdict:{adopted.code}").count == 1
    assert not minute(63, side({SPY: 12})), "that they differ is a verdict too"


# booking


@pytest.mark.mission(159)
def test_person_books_the_correction_that_was_proposed(adopted: Account, booker: User) -> None:
    look(adopted, side({SPY: 7}))
    row = Break.objects.get()
    proposal = breaks.propose(row)
    assert (proposal.before, proposal.change, proposal.after) == (D(10), D(-3), D(7))
    orders = Order.objects.count()
    breaks.book_correction(break_id=row.pk, reason="sold by hand", user=booker, now=after(30))
    row.refresh_from_db()
    assert (row.state, row.ended_by) == ("booked", "rita")
    assert row.correction is not None and row.correction.actor == "rita" and "sold by hand" in row.correction.reason
    assert ledger.positions(adopted) == {SPY: D(7)}
    assert gate.look(con_id=SPY).permission == TradingPermission.ACTIVE
    assert Order.objects.count() == orders
    assert look(adopted, side({SPY: 7}), after(60)).is_clean is True


def test_booking_needs_permission_a_reason_and_what_was_seen(adopted: Account, booker: User) -> None:
    look(adopted, side({SPY: 7}))
    row = Break.objects.get()
    with pytest.raises(RiskError, match="lacks the permission risk.book_correction"):
        breaks.book_correction(break_id=row.pk, reason="why", user=User.objects.create_user("vera"))
    with pytest.raises(RiskError, match="Say what happened"):
        breaks.book_correction(break_id=row.pk, reason=" ", user=booker)
    builders.execution(quantity=D(3), side=Side.SELL)
    with pytest.raises(RiskError, match="has moved since"):
        breaks.book_correction(break_id=row.pk, reason="why", user=booker)
    assert Execution.objects.count() == 1
    assert row.state == "open"


def test_only_positions_are_booked(adopted: Account, booker: User) -> None:
    for seconds in (0, 30):
        look(adopted, side({SPY: 10}, {77: OpenOrder(None, D(5))}), after(seconds))
    row = Break.objects.get(kind=BreakKind.ORDER, state=BreakState.OPEN)
    with pytest.raises(RiskError, match="Only positions are booked. Look at the order in TWS"):
        breaks.book_correction(break_id=row.pk, reason="why", user=booker)
