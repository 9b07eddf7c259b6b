"""What the monitors do about the account of this moment: stops, incidents, and their end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import EmergencyKind, OrderPurpose, OrderState, Scope, StopSource, TradingPermission
from apps.broker.models import Account, CashFlow, Closing, EmergencyRun, Order, Trade, TradingState
from apps.journal.models import Incident
from apps.risk.choices import LimitName, MonitorRule
from apps.risk.domain.limits import defaults
from apps.risk.domain.monitors import (
    Reading,
)
from apps.risk.models import DayBaseline, EquityWatch, LimitBreach
from apps.risk.monitoring import read_equity, read_loss_streaks, read_reject_streaks, read_round_trips
from apps.risk.services import alerts, monitors
from apps.risk.services.emergency_watch import lift_due_stops
from tests.broker import builders
from tests.broker.ledger.builders import make_order
from tests.risk.world import make_world
from tests.strategies.answers import answering
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

# A Tuesday, 11:00 in New York.
NOW = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
D = Decimal
LIMITS = defaults()


def after(**ago: float) -> datetime:
    return NOW + timedelta(**ago)


def known(value: float | int | str | Decimal) -> Known[Decimal]:
    return Known(D(str(value)), NOW)


def breached(found: list[Reading]) -> set[str]:
    return {row.key.rule.value for row in found if row.is_breached}


@pytest.fixture
def account(db: None) -> Account:
    builders.session(synchronised_at=NOW)
    return builders.account()


@pytest.fixture
def watch(account: Account) -> Callable[..., list[Reading]]:
    def look(equity: float | Unknown, now: datetime = NOW) -> list[Reading]:
        value = equity if isinstance(equity, Unknown) else Known(D(equity), now)
        return monitors.judge(account=account, equity=value, limits=LIMITS, now=now)

    return look


Watch = Callable[..., list[Reading]]


@pytest.mark.mission(132)
@pytest.mark.mission(186)
def test_daily_loss_halts_entries_until_the_next_trading_day(watch: Watch) -> None:
    watch(100_000)
    watch(96_900, after(minutes=1))
    found = gate.look(account="DU1")
    assert found.permission == TradingPermission.HALTED and found.admits(OrderPurpose.PROTECTIVE)
    stop = TradingState.objects.get(source=StopSource.LIMIT)
    assert "daily loss, total: 3.10 % of the day's start of 100,000.00 (limit 3.00 %)" in stop.reason
    assert stop.ends_at == datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
    assert {run.kind for run in EmergencyRun.objects.all()} == {EmergencyKind.HALT}
    incident = Incident.objects.get(key="limit:daily_loss_total:DU1")
    assert incident.severity == "critical"
    watch(101_000, after(minutes=2))
    assert not gate.look(account="DU1").admits(OrderPurpose.ENTRY)
    watch(96_000, datetime(2026, 3, 4, 5, 0, 30, tzinfo=UTC))
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE
    incident.refresh_from_db()
    assert incident.resolved_at is not None


@pytest.mark.mission(186)
def test_loss_on_its_way_to_the_limit_lets_positions_be_reduced_only(watch: Watch) -> None:
    watch(100_000)
    watch(97_900, after(minutes=1))
    found = gate.look(account="DU1")
    assert found.permission == TradingPermission.REDUCING and found.admits(OrderPurpose.EXIT)
    watch(96_900, after(minutes=2))
    assert gate.look(account="DU1").permission == TradingPermission.HALTED
    watch(99_000, datetime(2026, 3, 4, 5, 0, 30, tzinfo=UTC))
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE


@pytest.mark.mission(186)
def test_daily_loss_of_friday_ends_on_monday_and_the_clock_alone_may_end_it(watch: Watch) -> None:
    friday = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)
    watch(100_000, friday)
    watch(96_000, friday)
    assert TradingState.objects.get(source=StopSource.LIMIT).ends_at == datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
    assert lift_due_stops(now=datetime(2026, 3, 9, 4, 0, tzinfo=UTC)) == 1
    watch(96_000, datetime(2026, 3, 9, 4, 1, tzinfo=UTC))
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE
    assert not LimitBreach.objects.filter(ended_at=None).exists()


def test_day_start_is_written_once_and_survives(watch: Watch) -> None:
    watch(100_000)
    watch(99_000, after(hours=1))
    row = DayBaseline.objects.get()
    assert (row.equity, str(row.date)) == (D(100_000), "2026-03-03")
    with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
        DayBaseline.objects.update(equity=1)
    watch(98_000, after(hours=13))
    assert str(DayBaseline.objects.latest("date").date) == "2026-03-04"


@pytest.mark.mission(133)
@pytest.mark.mission(186)
def test_drawdown_halts_over_midnight_and_until_it_has_recovered(watch: Watch) -> None:
    watch(100_000)
    for day in range(1, 8):
        watch(100_000 - day * 2_200, after(days=day))
    assert breached(watch(84_900, after(days=8))) == {"drawdown"}
    stop = TradingState.objects.get(source=StopSource.LIMIT)
    assert (stop.permission, stop.ending) == ("halted", "recovery")
    assert Incident.objects.get(key="limit:drawdown:DU1").severity == "critical"
    watch(87_900, after(days=9))
    assert not gate.look(account="DU1").admits(OrderPurpose.ENTRY)
    watch(88_001, after(days=10))
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE
    assert EquityWatch.objects.get().peak == 100_000


def pay(account: Account, amount: float, at: datetime, booked_at: datetime) -> CashFlow:
    return broker.book_cash_flow(
        account=account, arrived_at=at, amount=D(amount), currency="USD", note="", now=booked_at, actor="rita"
    )


def drawn_down(watch: Watch) -> None:
    """By 16 % in four days, each within the daily loss."""
    watch(100_000)
    for day in range(1, 9):
        watch(100_000 - day * 2_000, after(days=day))
    assert TradingState.objects.get(source=StopSource.LIMIT).ending == "recovery"


@pytest.mark.parametrize("amount", [-10_000, -50_000])
def test_a_drawdown_that_is_over_by_a_booked_payment_waits_for_a_person(
    watch: Watch, account: Account, amount: float
) -> None:
    """Else one person lifts by a booking what two must resume."""
    drawn_down(watch)
    pay(account, amount, after(days=5), after(days=8, minutes=1))
    for minute in (2, 3):
        watch(84_000, after(days=8, minutes=minute))
    stop = TradingState.objects.get(source=StopSource.LIMIT)
    assert (stop.permission, stop.ending) == ("halted", "person")
    broker.release_trading_state(
        scope=Scope.ACCOUNT, target="DU1", source=StopSource.LIMIT, reason="it was a withdrawal", actor="rita"
    )
    watch(84_000, after(days=8, minutes=4))
    assert not LimitBreach.objects.filter(ended_at=None).exists()


def test_a_drawdown_that_is_over_by_a_removed_payment_waits_for_a_person(watch: Watch, account: Account) -> None:
    watch(100_000)
    flow = pay(account, 20_000, after(hours=1), after(hours=1))
    watch(118_500, after(hours=2))
    watch(101_000, after(days=1))
    assert TradingState.objects.get(source=StopSource.LIMIT).ending == "recovery"
    broker.remove_cash_flow(flow=flow, actor="rita")
    watch(101_000, after(days=2))
    stop = TradingState.objects.get(source=StopSource.LIMIT)
    assert (stop.permission, stop.ending) == ("halted", "person")


def test_a_drawdown_that_prices_have_won_back_ends_though_a_payment_was_booked(watch: Watch, account: Account) -> None:
    drawn_down(watch)
    pay(account, -1_000, after(days=7), after(days=8, minutes=1))
    watch(90_000, after(days=9))
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE


def test_two_breaches_share_one_stop_that_ends_with_the_last(watch: Watch) -> None:
    watch(100_000)
    assert breached(watch(84_000, after(minutes=1))) == {"daily_loss_early", "daily_loss_total", "drawdown"}
    stop = TradingState.objects.get(source=StopSource.LIMIT)
    assert "daily loss" in stop.reason and "drawdown" in stop.reason and stop.ending == "recovery"
    watch(84_500, after(days=1))
    stop.refresh_from_db()
    assert stop.permission == "halted" and "daily loss" not in stop.reason
    watch(90_000, after(days=2))
    stop.refresh_from_db()
    assert stop.permission == "active"


@pytest.mark.mission(152)
def test_stop_that_a_person_lifted_stays_lifted_until_it_is_worse(watch: Watch) -> None:
    watch(100_000)
    watch(96_900, after(minutes=1))
    broker.release_trading_state(
        scope=Scope.ACCOUNT, target="DU1", source=StopSource.LIMIT, reason="false trigger", actor="rita"
    )
    watch(96_900, after(minutes=2))
    breach = LimitBreach.objects.get(rule=MonitorRule.DAILY_LOSS_TOTAL)
    assert (breach.released_by, breach.ended_at) == ("rita", None)
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE
    watch(96_000, after(minutes=3))
    assert not gate.look(account="DU1").admits(OrderPurpose.ENTRY)


def test_gross_exposure_lets_positions_be_reduced_only(watch: Watch, account: Account) -> None:
    position = builders.position(market_value=D(250_000))
    watch(100_000)
    assert gate.look(account="DU1").permission == TradingPermission.REDUCING
    position.market_value = None
    position.save()
    found = {row.key.rule: row for row in watch(100_000, after(minutes=1))}
    assert found[MonitorRule.GROSS_EXPOSURE].is_breached is None
    assert gate.look(account="DU1").permission == TradingPermission.REDUCING
    position.market_value = D(150_000)
    position.save()
    watch(100_000, after(minutes=2))
    assert gate.look(account="DU1").permission == TradingPermission.ACTIVE


def test_refusals_in_a_row_stop_the_strategy_until_a_person_looks(watch: Watch, account: Account) -> None:
    for turn in range(6):
        order = make_order(account=account, strategy="momentum")
        path = [OrderState.APPROVED, OrderState.SUBMITTING]
        for state in [*path, OrderState.WORKING if turn == 0 else OrderState.REJECTED]:
            Order.objects.filter(pk=order.pk).update(state=state, submitted_at=after(seconds=turn))
    assert read_reject_streaks(account) == {"momentum": 5}
    watch(100_000)
    assert not gate.look(strategy="momentum").admits(OrderPurpose.ENTRY)
    assert gate.look(strategy="other").admits(OrderPurpose.ENTRY)
    assert TradingState.objects.get(source=StopSource.LIMIT).ending == "person"


def trade(account: Account, *, strategy: str, closed_at: datetime | None = None) -> Trade:
    """Open, and of a position that is never flat, where it is not closed."""
    return Trade.objects.create(
        account=account, instrument=builders.instrument(), direction="long", strategy=strategy,
        number=Trade.objects.count() + 1, opened_at=NOW, closed_at=closed_at, quantity=1, entry_price=1, currency="USD",
    )  # fmt: skip


def closing(of: Trade, *, exit_order: str, at: datetime, net: float | None = 1, entry_order: str = "") -> None:
    Closing.objects.create(
        trade=of, entry_order=entry_order, exit_order=exit_order, opened_at=NOW, closed_at=at, quantity=1,
        entry_value=1, commission=0, net=net,
    )  # fmt: skip


def test_losses_in_a_row_are_counted_by_strategy_though_a_position_is_never_flat(account: Account) -> None:
    never_flat = trade(account, strategy="a")
    nets = [("a", 5), ("a", -1), ("b", -1), ("a", -2), ("b", 0), ("a", None)]
    for number, (strategy, net) in enumerate(nets, start=1):
        of = never_flat if strategy == "a" else trade(account, strategy=strategy, closed_at=after(minutes=number))
        closing(of, exit_order=str(number), at=after(minutes=number), net=net)
    assert read_loss_streaks(account) == {"a": 2, "b": 0}
    for entry, net in (("x", 3), ("y", -4), ("z", -4)):
        closing(never_flat, exit_order="7", at=after(minutes=7), net=net, entry_order=entry)
    assert read_loss_streaks(account) == {"a": 3, "b": 0}, "one order is one result, whatever opened it"


def round_trip(
    account: Account, *, strategy: str, minutes: float, approved_by: User | None = None, of: Trade | None = None
) -> None:
    """From flat to flat, or `of` a trade that goes on; the entry approved by a rule or by a person."""
    number = Order.objects.count() + 1
    order = make_order(account=account, strategy=strategy)
    Order.objects.filter(pk=order.pk).update(perm_id=number, approved_by=approved_by)
    at = after(minutes=minutes)
    of = of or trade(account, strategy=strategy, closed_at=at)
    closing(of, exit_order=f"out {number}", at=at, entry_order=str(number))


def test_round_trips_count_though_a_position_is_never_flat(watch: Watch, account: Account) -> None:
    never_flat = trade(account, strategy="momentum")
    for _ in range(19):
        round_trip(account, strategy="momentum", minutes=10, of=never_flat)
    for entry in range(30):
        closing(never_flat, exit_order="one order", at=after(minutes=11), entry_order=f"old {entry}")
    assert read_round_trips(account, after(minutes=15)) == {"momentum": 20}, "one that closes 30 lots is one"
    watch(100_000, after(minutes=15))
    assert not gate.look(strategy="momentum").admits(OrderPurpose.ENTRY)


def test_round_trips_of_an_hour_disable_the_strategy_until_a_person_arms_it_again(
    watch: Watch, account: Account
) -> None:
    for _ in range(19):
        round_trip(account, strategy="momentum", minutes=10)
    round_trip(account, strategy="momentum", minutes=11, approved_by=User.objects.create(username="anna"))
    round_trip(account, strategy="other", minutes=11)
    assert read_round_trips(account, after(minutes=15)) == {"momentum": 19, "other": 1}
    watch(100_000, after(minutes=15))
    assert gate.look(strategy="momentum").admits(OrderPurpose.ENTRY)
    round_trip(account, strategy="momentum", minutes=16)
    watch(100_000, after(minutes=17))
    stopped = gate.look(strategy="momentum")
    assert not stopped.admits(OrderPurpose.ENTRY) and stopped.admits(OrderPurpose.EXIT)
    assert "20 round trips within an hour that no person had a hand in" in stopped.reasons[0]
    assert gate.look(strategy="other").admits(OrderPurpose.ENTRY)
    watch(100_000, after(hours=5))
    assert not gate.look(strategy="momentum").admits(OrderPurpose.ENTRY), "only a person ends it"


def test_round_trips_are_counted_afresh_once_a_person_has_armed_the_strategy_again(
    watch: Watch, account: Account
) -> None:
    for _ in range(20):
        round_trip(account, strategy="momentum", minutes=10)
    watch(100_000, after(minutes=11))
    broker.release_trading_state(
        scope=Scope.STRATEGY, target="momentum", source=StopSource.LIMIT, reason="looked at it", actor="rita"
    )
    watch(100_000, after(minutes=12))
    for _ in range(19):
        round_trip(account, strategy="momentum", minutes=13)
    watch(100_000, after(minutes=14))
    assert gate.look(strategy="momentum").admits(OrderPurpose.ENTRY)
    assert LimitBreach.objects.get().ended_at is not None and LimitBreach.objects.get().released_by == "rita"
    round_trip(account, strategy="momentum", minutes=15)
    watch(100_000, after(minutes=16))
    assert not gate.look(strategy="momentum").admits(OrderPurpose.ENTRY)


def test_many_orders_of_which_few_trade_are_told_before_they_are_denied(watch: Watch, account: Account) -> None:
    for _ in range(10):
        order = make_order(account=account)
    Order.objects.update(created_at=NOW)
    watch(100_000)
    assert not Incident.objects.exists()
    Order.objects.filter(pk=make_order(account=account).pk).update(created_at=NOW)
    watch(100_000, after(minutes=1))
    incident = Incident.objects.get()
    assert (incident.severity, incident.key) == ("warning", "order-to-trade:DU1")
    assert "11 orders and changes were given today, 0 traded" in incident.detail
    Order.objects.filter(pk=order.pk).update(filled_quantity=1)
    Order.objects.filter(pk=Order.objects.exclude(pk=order.pk).first().pk).update(filled_quantity=1)  # type: ignore[union-attr]
    watch(100_000, after(minutes=2))
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_equity_that_is_unknown_for_five_minutes_is_an_incident(watch: Watch) -> None:
    watch(100_000)
    watch(Unknown("stale"), after(minutes=5))
    assert not Incident.objects.exists()
    watch(Unknown("stale"), after(minutes=5, seconds=1))
    incident = Incident.objects.get()
    assert (incident.severity, incident.key) == ("critical", "equity-unknown:DU1")
    watch(100_000, after(minutes=6))
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_equity_is_unknown_while_the_tables_do_not_follow(account: Account) -> None:
    account.values.create(tag="NetLiquidation", currency="USD", value="100000", as_of=NOW)
    builders.session(heartbeat_at=NOW)
    assert read_equity(account, LIMITS, now=after(seconds=1)) == known(100_000)
    builders.session("broker-lost", heartbeat_at=NOW, reason="1100")
    found = read_equity(account, LIMITS, now=after(seconds=1))
    assert isinstance(found, Unknown) and "1100" in found.reason


@pytest.mark.parametrize("answer", ["90000", None])
@pytest.mark.django_db(transaction=True)
def test_equity_older_than_a_minute_is_asked_for_and_the_stored_one_is_the_fallback(answer: str | None) -> None:
    """As a submission does: four minutes of loss would go unseen else."""
    account, now = make_world(), clock.now()
    stated = now - timedelta(seconds=61)
    account.values.update(as_of=stated)

    def answers(kind: str, payload: dict[str, Any]) -> list[dict[str, Any]] | None:
        return [{"tag": "NetLiquidation", "value": answer}] if answer and kind == "account_summary" else None

    with answering(answers) as asked:
        found = read_equity(account, LIMITS, now=now)
        assert len(asked) == 1
        assert isinstance(read_equity(account, LIMITS, now=stated + timedelta(seconds=60)), Known)
        assert isinstance(read_equity(account, LIMITS, now=now, may_ask=False), Known)
        assert len(asked) == 1, "young enough, or not to be asked"
    assert isinstance(found, Known) and found.value == D(answer or 100_000)
    assert isinstance(read_equity(account, LIMITS, now=stated + timedelta(seconds=241)), Unknown)


@pytest.mark.mission(138)
def test_stopped_trading_is_a_warning_until_it_goes_on(account: Account) -> None:
    stop = {"scope": Scope.EVERYTHING, "source": StopSource.MANUAL, "reason": "news", "actor": "rita"}
    broker.set_trading_state(permission=TradingPermission.HALTED, **stop)  # type: ignore[arg-type]
    alerts.tell_alerts(now=NOW)
    alerts.tell_alerts(now=after(seconds=1))
    incident = Incident.objects.get()
    assert (incident.severity, incident.key, incident.count) == ("warning", "trading-halted", 1)
    assert "rita: news" in incident.detail
    broker.release_trading_state(**stop)  # type: ignore[arg-type]
    alerts.tell_alerts(now=after(minutes=1))
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_limits_of_the_monitors_are_in_the_catalogue() -> None:
    assert (LIMITS[LimitName.MAX_DAILY_LOSS], LIMITS[LimitName.MAX_DRAWDOWN_LIMIT]) == (D("0.03"), D("0.15"))
