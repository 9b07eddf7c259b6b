"""Payments are no loss and hide none: booked ones at once, others while a person has not booked them yet."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import Scope, StopSource, TradingPermission
from apps.broker.models import Account, AccountPnl, AccountValue, EquityPoint
from apps.console.selectors import guards
from apps.console.selectors.metrics import read_metrics
from apps.journal import services as journal
from apps.journal.models import Incident
from apps.reports.selectors.performance import performance_of
from apps.risk.choices import LimitName, MonitorRule
from apps.risk.domain.day import Day, ImpliedStart, Payment, follow, shifted_peak, stated_pnl
from apps.risk.domain.limits import defaults
from apps.risk.domain.monitors import Reading
from apps.risk.models import DayBaseline, EquityWatch, UnexplainedChange
from apps.risk.services import monitors
from tests.broker import builders
from tests.reports import builders as reports
from tradeops.lib.known import Known, Unknown

# A Tuesday, 11:00 in New York.
NOW = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
D = Decimal
MONEY = st.decimals(-(10**5), 10**5, places=2)


def after(**ago: float) -> datetime:
    return NOW + timedelta(**ago)


@pytest.fixture
def account(db: None) -> Account:
    builders.session(synchronised_at=NOW)
    return builders.account()


Look = Callable[..., set[str]]


@pytest.fixture
def look(account: Account) -> Look:
    """One round with this equity and this profit and loss of the broker; the rules that are breached and halt."""

    def see(equity: float, daily: float | None = None, at: datetime = NOW) -> set[str]:
        if daily is not None:
            state(account, daily, at)
        found: list[Reading] = monitors.judge(
            account=account, equity=Known(D(str(equity)), at), limits=defaults(), now=at
        )
        breached = {row.key.rule for row in found if row.is_breached}
        return {rule.value for rule in breached - {MonitorRule.DAILY_LOSS_EARLY}}

    return see


def state(account: Account, daily: float, at: datetime) -> None:
    AccountPnl.objects.update_or_create(account=account, defaults={"daily": D(str(daily)), "as_of": at})


def book(account: Account, amount: float, at: datetime, now: datetime | None = None) -> None:
    broker.book_cash_flow(
        account=account,
        arrived_at=at,
        amount=D(str(amount)),
        currency="USD",
        note="",
        now=now or at,
        actor="rita",
    )


def permission() -> str:
    return gate.look(account="DU1").permission.value


def open_incidents() -> list[str]:
    keys = Incident.objects.filter(resolved_at=None).values_list("key", flat=True)
    return [key for key in keys if key.startswith("unbooked-payment")]


# the arithmetic


def test_booked_payments_shift_what_the_day_is_measured_against() -> None:
    """100,000 at the start, 20,000 paid out: 78,000 is a loss of 2,000 on 80,000."""
    found = Day(D(100_000), D(78_000), D(-20_000), None)
    assert (found.pnl, found.base, found.unexplained) == (-2_000, 80_000, 0)


def test_what_seems_to_be_paid_out_shrinks_the_base_and_what_seems_paid_in_does_not_enlarge_it() -> None:
    out = Day(D(100_000), D(78_000), D(0), D(-2_000))
    assert (out.unexplained, out.pnl, out.base) == (-20_000, -2_000, 80_000)
    paid_in = Day(D(100_000), D(118_000), D(0), D(-2_000))
    assert (paid_in.unexplained, paid_in.pnl, paid_in.base) == (20_000, -2_000, 100_000)
    assert Day(D(100_000), D(97_001), D(0), D(-2_000)).unexplained == 0, "within 1 %"


@given(MONEY, MONEY, MONEY, MONEY)
def test_payments_of_whatever_size_change_no_profit_and_no_loss(
    pnl: Decimal, booked: Decimal, unbooked: Decimal, overnight: Decimal
) -> None:
    """`overnight`: the broker's day began before midnight in New York."""
    start, start_at = D(1_000_000), NOW
    implied = ImpliedStart(after(minutes=1), start - overnight, overnight)
    payments = [Payment(after(hours=1), booked)]
    stated = stated_pnl(implied, pnl + overnight, start=start, start_at=start_at, payments=payments)
    found = Day(start, start + pnl + booked + unbooked, booked, stated)
    assert found.pnl == stated == pnl
    assert found.unexplained == (unbooked if abs(unbooked) >= 10_000 else 0)
    assert found.base <= start + booked


@given(MONEY, MONEY, MONEY)
def test_payment_booked_late_that_came_before_the_brokers_figure_is_taken_out_of_it(
    before: Decimal, paid: Decimal, pnl: Decimal
) -> None:
    """The equity of a million moved by `before` and by the payment until the broker's figure was first seen."""
    start = D(1_000_000)
    implied = ImpliedStart(after(hours=2), start + before + paid, D(0))
    payments = [Payment(after(hours=1), paid)]
    assert stated_pnl(implied, pnl, start=start, start_at=NOW, payments=payments) == before + pnl


def test_broker_that_begins_its_day_anew_has_not_forgotten_the_loss() -> None:
    implied = follow(None, D(-2_000), equity=D(98_000), equity_before=None, now=NOW)
    implied = follow(implied, D(-2_500), equity=D(97_500), equity_before=D(98_000), now=NOW)
    anew = follow(implied, D(-10), equity=D(97_490), equity_before=D(97_500), now=NOW)
    assert stated_pnl(anew, D(-10), start=D(100_000), start_at=NOW, payments=[]) == -2_510
    won_back = follow(implied, D(-10), equity=D(99_990), equity_before=D(97_500), now=NOW)
    assert stated_pnl(won_back, D(-10), start=D(100_000), start_at=NOW, payments=[]) == -10


@given(st.decimals(1, 10**6, places=2), MONEY, st.booleans())
def test_peak_is_shifted_by_what_was_paid_since_it_was_reached(peak: Decimal, paid: Decimal, is_later: bool) -> None:
    payment = Payment(after(seconds=1 if is_later else -1), paid)
    assert shifted_peak(peak, NOW, [payment]) == peak + (paid if is_later else 0)


# the watch


@pytest.mark.mission(132)
@pytest.mark.mission(133)
def test_booked_withdrawal_halts_nothing_and_a_loss_after_it_does(look: Look, account: Account) -> None:
    look(100_000)
    book(account, -30_000, after(minutes=1))
    assert look(70_000, at=after(minutes=2)) == set()
    assert permission() == TradingPermission.ACTIVE
    assert look(67_901, at=after(minutes=3)) == set()
    assert look(67_899, at=after(minutes=4)) == {"daily_loss_total"}, "3 % of 70,000"


@pytest.mark.mission(132)
def test_booked_deposit_hides_no_loss(look: Look, account: Account) -> None:
    look(100_000)
    look(97_100, at=after(minutes=1))
    book(account, 50_000, after(minutes=2))
    assert look(147_100, at=after(minutes=3)) == set()
    assert look(145_400, at=after(minutes=4)) == {"daily_loss_total"}, "4,600 on 150,000"


@pytest.mark.mission(132)
@pytest.mark.mission(133)
def test_unbooked_withdrawal_halts_nothing_but_is_told_of_with_the_way_to_book_it(look: Look, account: Account) -> None:
    look(100_000, 0)
    assert look(79_900, -100, after(minutes=1)) == set()
    assert permission() == TradingPermission.ACTIVE and open_incidents() == []
    look(79_900, -100, after(minutes=6))
    look(79_800, -200, after(minutes=7))
    assert open_incidents() == ["unbooked-payment:DU1:2026-03-03"]
    incident = Incident.objects.get(key="unbooked-payment:DU1:2026-03-03")
    assert (incident.severity, incident.count) == ("warning", 1)
    assert "-20,000.00 USD beside profit and loss: an unbooked payment?" in incident.title
    assert "2026-03-03 16:01 UTC" in incident.detail
    [link] = re.findall(r"/admin/broker/cashflow/add/\?\S+", incident.detail)
    admin = Client()
    admin.force_login(User.objects.create_superuser("chief"))
    form = admin.get(link).context["adminform"].form
    given = {"account": account.pk, "arrived_at": after(minutes=1), "amount": "-20000.00"}
    assert {name: form[name].initial for name in given} | {"account": account.pk} == given
    book(account, -20_000, after(minutes=1), after(minutes=8))
    assert look(79_800, -200, after(minutes=9)) == set()
    assert open_incidents() == [] and not UnexplainedChange.objects.filter(settled_at=None).exists()
    assert look(77_500, -2_500, after(minutes=10)) == {"daily_loss_total"}


@pytest.mark.mission(132)
def test_unbooked_deposit_hides_no_loss_and_raises_no_peak(look: Look, account: Account) -> None:
    look(100_000, 0)
    assert look(146_900, -3_100, after(minutes=1)) == {"daily_loss_total"}
    watch = EquityWatch.objects.get()
    assert (watch.peak, watch.peak_at) == (100_000, NOW)
    look(146_900, -3_100, after(minutes=7))
    assert open_incidents() == ["unbooked-payment:DU1:2026-03-03"]
    book(account, 50_000, after(minutes=1), after(minutes=8))
    assert "drawdown" in look(126_000, -24_000, after(minutes=9)), "24,000 of 150,000"


def test_equity_that_lags_behind_the_brokers_figure_is_no_payment(look: Look, account: Account) -> None:
    look(100_000, 0)
    look(100_000, -2_000, after(minutes=1))
    look(98_000, -2_000, after(minutes=3))
    look(98_000, -2_000, after(minutes=9))
    assert not Incident.objects.exists()
    assert UnexplainedChange.objects.get().settled_at == after(minutes=3)


@pytest.mark.mission(133)
def test_unbooked_withdrawal_is_left_out_of_the_drawdown_for_three_days_then_it_counts(
    look: Look, account: Account
) -> None:
    look(100_000, 0)
    look(80_000, 0, after(minutes=1))
    look(80_000, 0, after(minutes=7))
    [key] = open_incidents()
    journal.resolve_incident(key=key, detail="a fee", actor="rita", now=after(minutes=8))
    assert look(80_000, 0, after(days=2)) == set()
    assert open_incidents() == [], "a person has said what it was"
    assert look(80_000, 0, after(days=3, minutes=2)) == {"drawdown"}
    book(account, -20_000, after(minutes=1), after(days=3, minutes=3))
    assert look(80_000, 0, after(days=3, minutes=4)) == set()
    assert permission() == TradingPermission.HALTED, "whoever books it does not resume by it"
    broker.release_trading_state(
        scope=Scope.ACCOUNT, target="DU1", source=StopSource.LIMIT, reason="a withdrawal", actor="sam"
    )
    look(80_000, 0, after(days=3, minutes=5))
    assert permission() == TradingPermission.ACTIVE and open_incidents() == []


def test_feed_that_froze_is_not_believed(look: Look, account: Account) -> None:
    """The broker's figure is old, and the equity fell by prices: no cash went."""
    money(account, cash=60_000, equity=100_000)
    look(100_000, 0)
    assert look(96_900, at=after(minutes=6)) == {"daily_loss_total"}


def test_old_figure_is_believed_while_only_cash_has_moved(look: Look, account: Account) -> None:
    """A withdrawal in the night, when nothing is traded and the broker states nothing new."""
    money(account, cash=60_000, equity=100_000)
    look(100_000, 0)
    AccountValue.objects.filter(account=account).update(value="40000")
    assert look(80_000, at=after(minutes=6)) == set()
    assert UnexplainedChange.objects.get().amount == -20_000


def test_loss_before_the_brokers_day_began_anew_counts(look: Look, account: Account) -> None:
    look(100_000, 0)
    look(97_500, -2_500, after(minutes=1))
    look(97_490, -10, after(minutes=2))
    assert not UnexplainedChange.objects.exists()
    assert look(96_900, -600, after(minutes=3)) == {"daily_loss_total"}


def test_start_that_was_taken_late_already_has_what_was_paid_before(look: Look, account: Account) -> None:
    book(account, -30_000, after(hours=-1))
    look(70_000, -500)
    assert DayBaseline.objects.get().equity == 70_500
    assert look(69_000, -1_500, after(minutes=1)) == set()


def test_metrics_and_desk_say_what_the_limits_see(look: Look, account: Account) -> None:
    look(100_000, 0)
    book(account, -20_000, after(minutes=1))
    look(79_000, -1_000, after(minutes=2))
    equity = Known(D(79_000), after(minutes=2))
    now = after(minutes=2)
    assert guards.daily_loss(account, equity, now) == Known(D(1_000) / D(80_000), now)
    assert guards.drawdown(account, equity, now) == Known(D(1_000) / D(80_000), now)
    builders.session(heartbeat_at=now)
    AccountValue.objects.create(account=account, tag="NetLiquidation", currency="USD", value="79000", as_of=now)
    found = {metric.name: metric.value for metric in read_metrics(now=now)}
    assert found["daily_pnl"] == Known(-1_000.0, now)
    drawdown = found["drawdown"]
    assert isinstance(drawdown, Known) and drawdown.value == pytest.approx(0.0125)


def test_return_and_loss_limit_take_out_the_same_payment(look: Look, account: Account) -> None:
    """5 % up, 20,000 out: the report says +5 %, the limits see a gain of 5,000."""
    day = date(2026, 3, 3)
    reports.snapshot(account, day - timedelta(days=1), "100000")
    look(100_000)
    book(account, -20_000, after(minutes=10))
    look(85_000, at=after(minutes=20))
    reports.snapshot(account, day, "85000")
    _, performance = performance_of(account=account)
    assert performance.total_return == pytest.approx(0.05)
    assert performance.profit == 5_000
    found = guards.daily_loss(account, Known(D(85_000), NOW), after(minutes=20))
    assert isinstance(found, Known) and found.value == 0


def test_day_is_unknown_without_equity(account: Account) -> None:
    assert isinstance(guards.daily_loss(account, Unknown("stale"), NOW), Unknown)
    assert isinstance(guards.drawdown(account, Known(D(1), NOW), NOW), Unknown)
    assert defaults()[LimitName.MAX_DAILY_LOSS] == D("0.03")


def money(account: Account, *, cash: float, equity: float) -> None:
    AccountValue.objects.create(account=account, tag="TotalCashValue", currency="USD", value=str(cash), as_of=NOW)
    EquityPoint.objects.create(
        account=account, at=NOW, currency="USD", net_liquidation=D(str(equity)), cash=D(str(cash)), daily_pnl=D(0)
    )
