"""The desk's sections about orders, emergencies and guards."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.broker import ledger
from apps.broker.choices import EmergencyKind, EmergencyState, OrderState, Scope
from apps.broker.models import AccountValue, EmergencyRun
from apps.console.desk import DeskFeed, compute
from apps.console.selectors.guards import guards_section
from apps.console.selectors.ledger import emergencies_section, ledger_section
from apps.risk.models import DayBaseline, EquityWatch
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tradeops.lib import clock

pytestmark = pytest.mark.django_db


def test_orders_that_need_a_person_come_first() -> None:
    working, waiting, lost = make_order(), make_order(), make_order()
    for order, states in (
        (working, (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.WORKING)),
        (lost, (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.UNRESOLVED)),
    ):
        for state in states:
            ledger.move(order.pk, before=list(OrderState), after=state, message="test")
    ended = make_order()
    ledger.move(ended.pk, before=[OrderState.PROPOSED], after=OrderState.DENIED, message="test")
    section = ledger_section(clock.now())
    assert [row["id"] for row in section["rows"]] == [str(lost.pk), str(waiting.pk), str(working.pk)]
    assert (section["total"], section["unresolved"], section["waiting"]) == (3, 1, 1)


def test_emergencies_are_shown_while_they_run_and_a_while_after() -> None:
    now = clock.now()
    common = {
        "kind": EmergencyKind.CANCEL_ALL,
        "scope": Scope.EVERYTHING,
        "reason": "r",
        "actor": "a",
        "came_by": "page",
    }
    running = EmergencyRun.objects.create(**common, results=[{"done": True}, {"done": False}])
    for minutes in (5, 20):
        EmergencyRun.objects.create(
            **common,
            state=EmergencyState.DONE,
            ended_at=now - timedelta(minutes=minutes),
            requested_at=now - timedelta(1),
        )
    rows = emergencies_section(now)["rows"]
    assert [row["is_running"] for row in rows] == [True, False]
    assert (rows[0]["id"], rows[0]["done"], rows[0]["total"]) == (str(running.pk), 1, 2)
    assert rows[0]["positions_left"] is None


def test_use_of_limits_is_unknown_not_zero_before_the_broker_has_spoken() -> None:
    make_account()
    uses = {row["name"]: row for row in guards_section(clock.now())["limits"]}
    for name in ("MAX_DAILY_LOSS", "MAX_DRAWDOWN_LIMIT", "MAX_GROSS_EXPOSURE", "MAX_POSITIONS"):
        assert uses[name]["used"] is None and uses[name]["share"] is None and uses[name]["unknown"], name
    assert (uses["MAX_OPEN_ORDERS"]["used"], uses["MAX_OPEN_ORDERS"]["limit"]) == ("0", "15")


def test_use_of_limits_is_measured_from_the_day_s_start_and_the_peak() -> None:
    now, account = clock.now(), make_account()
    AccountValue.objects.create(account=account, tag="NetLiquidation", currency="USD", value="97500", as_of=now)
    from apps.broker.selectors import EXCHANGE_ZONE

    DayBaseline.objects.create(
        account=account,
        date=now.astimezone(EXCHANGE_ZONE).date(),
        equity=Decimal(100000),
        currency="USD",
        source="test",
    )
    EquityWatch.objects.create(account=account, peak=Decimal(120000), peak_at=now, equity=Decimal(97500), known_at=now)
    for _ in range(12):
        order = make_order(account=account)
        ledger.move(order.pk, before=[OrderState.PROPOSED], after=OrderState.APPROVED, message="test")
    uses = {row["name"]: row for row in guards_section(now)["limits"]}
    assert (uses["MAX_DAILY_LOSS"]["used"], uses["MAX_DAILY_LOSS"]["tone"]) == ("2.5 %", "warn")
    assert (uses["MAX_DRAWDOWN_LIMIT"]["used"], uses["MAX_DRAWDOWN_LIMIT"]["tone"]) == ("18.8 %", "bad")
    assert (uses["MAX_OPEN_ORDERS"]["used"], uses["MAX_OPEN_ORDERS"]["tone"]) == ("12", "warn")


def test_breakers_and_reconciliation_say_what_they_do_not_know() -> None:
    section = guards_section(clock.now())
    assert section["limits_unknown"] and section["reconciliation"] is None and section["break_count"] == 0
    assert {row["state"] for row in section["breakers"]} == {"closed"}


def test_sections_travel_and_announcements_wake_them() -> None:
    make_order(instrument=make_instrument("QQQ", 320227571))
    messages = compute(("trading", "emergencies", "ledger", "guards"))
    assert json.loads(messages["trading"])["data"]["permission"] == "active"
    assert json.loads(messages["ledger"])["data"]["rows"][0]["name"] == "QQQ"
    assert {"broker_order", "broker_trading_state", "broker_emergency"} <= set(DeskFeed.CHANNELS)
