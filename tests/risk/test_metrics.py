from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from apps.broker import services as broker
from apps.broker.choices import Scope, SessionState, StopSource, TradingPermission
from apps.broker.models import Account, Trade
from apps.broker.selectors import trading_day_start
from apps.console.health.rules import judge
from apps.console.performance_alert import has_been_low
from apps.console.selectors.metrics import read_metrics
from apps.risk.models import DayBaseline, EquityWatch
from apps.risk.services import breakers
from tests.broker import builders
from tests.console.test_health_rules import SESSION, WELL, ago
from tradeops.lib import clock
from tradeops.lib.breaking import MARKET_DATA
from tradeops.lib.known import Known, Unknown

D = Decimal


@pytest.fixture
def account(db: None) -> Account:
    now = clock.now()
    builders.session(trading_link_up=True, synchronised_at=now)
    row = builders.account()
    row.values.create(tag="NetLiquidation", currency="USD", value="98000", as_of=now)
    DayBaseline.objects.create(
        account=row, date=trading_day_start(now).date(), equity=100_000, currency="USD", source="test"
    )
    EquityWatch.objects.create(account=row, peak=112_000, peak_at=now, equity=98_000, known_at=now)
    builders.position()
    for number, net in enumerate([5, -1, 3, 0], start=1):
        trade = Trade.objects.create(
            account=row,
            instrument=builders.instrument(),
            direction="long",
            number=number,
            opened_at=now,
            closed_at=now,
            quantity=1,
            entry_price=1,
            net_pnl=net,
            currency="USD",
        )
        sides = {"entry_value": 1, "exit_value": 1, "commission": 0}
        trade.closings.create(
            entry_order="a", exit_order="b", opened_at=now, closed_at=now, quantity=1, net=net, **sides
        )
    return row


def values() -> dict[str, float | None]:
    found = read_metrics(now=clock.now())
    return {
        metric.name + metric.labels.get("breaker", ""): metric.value.value if isinstance(metric.value, Known) else None
        for metric in found
    }


@pytest.mark.mission(128)
@pytest.mark.mission(129)
def test_metrics_have_the_names_and_values_that_alerts_rely_on(account: Account) -> None:
    for _ in range(5):
        breakers.note_outcome(name=MARKET_DATA, problem="timed out")
    found = values()
    assert (found["total_equity"], found["daily_pnl"], found["drawdown"]) == (98_000, -2_000, 0.125)
    assert (found["open_positions"], found["win_rate"]) == (1, 0.5)
    assert found["sharpe_ratio"] is None
    assert (found["circuit_breaker_statemarket_data"], found["circuit_breaker_stateorder_placement"]) == (2, 0)
    assert (found["api_connected"], found["trading_halted"]) == (1, 0)
    assert {"backup_count", "last_backup_time", "bot_running", "last_heartbeat"} <= set(found)
    broker.set_trading_state(
        scope=Scope.EVERYTHING, permission=TradingPermission.HALTED, source=StopSource.MANUAL, reason="x", actor="y"
    )
    assert values()["trading_halted"] == 1


@pytest.mark.mission(128)
def test_unknown_is_not_zero(account: Account) -> None:
    builders.session(SessionState.BROKER_LOST, reason="1100", trading_link_up=True)
    found = {metric.name: metric.value for metric in read_metrics(now=clock.now())}
    for name in ("total_equity", "daily_pnl", "drawdown"):
        value = found[name]
        assert isinstance(value, Unknown) and "1100" in value.reason
    assert values()["api_connected"] == 0


@pytest.mark.django_db
def test_nothing_is_known_before_the_first_start() -> None:
    found = values()
    assert {found[name] for name in ("total_equity", "daily_pnl", "open_positions", "win_rate")} == {None}


@pytest.mark.mission(128)
def test_prometheus_reads_what_viewers_may(account: Account, admin_client: Client, client: Client) -> None:
    assert client.get("/metrics").status_code == 401
    answer = admin_client.get("/metrics")
    assert answer.status_code == 200
    families = {family.name: family for family in text_string_to_metric_families(answer.content.decode())}
    [sample] = families["total_equity"].samples
    assert (sample.labels, sample.value) == ({"account": "DU1", "currency": "USD"}, 98_000)
    assert not families["sharpe_ratio"].samples
    known = {sample.labels["metric"]: sample.value for sample in families["metric_known"].samples}
    assert (known["total_equity"], known["sharpe_ratio"]) == (1, 0)


def test_json_tells_when_and_why_not(account: Account, admin_client: Client, client: Client) -> None:
    for path in ("/api/metrics", "/api/breakers/", "/api/reconciliation"):
        assert client.get(path).status_code == 401
    rows = {row["name"]: row for row in admin_client.get("/api/metrics").json()}
    assert rows["total_equity"]["value"] == 98_000 and rows["total_equity"]["as_of"]
    assert rows["sharpe_ratio"]["value"] is None and rows["sharpe_ratio"]["unknown"]
    assert {row["state"] for row in admin_client.get("/api/breakers/").json()} == {"closed"}
    answer = admin_client.get("/api/reconciliation").json()
    assert (answer["verdict"], answer["breaks"]) == ("unknown", [])


@pytest.mark.mission(130)
@pytest.mark.parametrize("state", [SessionState.DISCONNECTED, SessionState.BROKER_LOST])
def test_broker_away_for_more_than_five_minutes_is_critical(state: SessionState) -> None:
    def found(minutes: float) -> set[tuple[str, str]]:
        session = replace(SESSION, state=state, state_since=ago(minutes=minutes))
        return {(row.key, str(row.severity)) for row in judge(replace(WELL, session=session))}

    assert found(5) == {("broker-session", "warning")}
    assert found(5.1) == {("broker-session", "critical")}


@pytest.mark.mission(136)
def test_sharpe_ratio_is_told_when_it_was_low_for_more_than_seven_days() -> None:
    today = date(2026, 3, 31)

    def days(*values: float) -> list[tuple[date, float]]:
        return [(today - timedelta(days=len(values) - 1 - place), value) for place, value in enumerate(values)]

    assert has_been_low(days(*[0.4] * 9), today=today)
    assert not has_been_low(days(*[0.4] * 8), today=today)
    assert not has_been_low(days(*[0.4] * 8, 0.5), today=today)
    assert not has_been_low(days(0.6, *[0.4] * 8), today=today)
    assert not has_been_low([], today=today)
