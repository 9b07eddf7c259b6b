"""Stopping: what is written, what the broker shows, and what holds when the database is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.broker import gate
from apps.broker import services as broker
from apps.broker.choices import (
    EmergencyKind,
    EmergencyState,
    OrderPurpose,
    OrderState,
    Scope,
    Side,
    StopEnding,
    StopSource,
    TradingPermission,
)
from apps.broker.models import EmergencyRun, Order, TradingState
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event, Incident
from apps.risk.exceptions import EmergencyError
from apps.risk.management import stopping
from apps.risk.services import emergency, emergency_flag
from apps.risk.services.emergency_watch import attend_emergencies, next_trading_day
from tests.broker.gateway.ordering import approve, give, propose, wait_state
from tests.broker.gateway.processes import ROOT
from tests.broker.gateway.running import running, true_orders
from tests.broker.ledger.builders import make_account
from tests.waiting import wait_for
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)  # what another process or thread must see


@pytest.fixture(autouse=True)
def halt_file(settings: Any, tmp_path: Path) -> Path:
    """Of this test alone."""
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    return tmp_path / "HALT"


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


def halt(**values: Any) -> emergency.Asked:
    return emergency.halt(**({"scope": Scope.EVERYTHING, "reason": "smoke", "actor": "ann"} | values))


def ended(asked: emergency.Asked) -> EmergencyRun:
    wait_for(lambda: EmergencyRun.objects.get(pk=asked.run_id).ended_at is not None, seconds=15)
    return EmergencyRun.objects.get(pk=asked.run_id)


@pytest.mark.alone
@committed
@pytest.mark.mission(181)
def test_fifty_working_orders_are_cancelled_within_two_seconds_and_protection_stays(
    simulator: SimulatorProcess, halt_file: Path
) -> None:
    with running(simulator, halt_flag=halt_file):
        entries = [propose(simulator, quantity=Decimal(number + 1)) for number in range(50)]
        approve(*entries)
        stop = wait_state(
            give(simulator, side=Side.SELL, limit_price=Decimal(9999), purpose=OrderPurpose.PROTECTIVE),
            OrderState.WORKING,
        )
        wait_for(lambda: Order.objects.filter(state=OrderState.WORKING).count() == 51, seconds=30)
        pressed = clock.now()
        run = ended(halt())
        took = clock.now() - pressed
        left = true_orders(simulator)
        denied = wait_state(give(simulator), OrderState.DENIED)
    assert run.state == EmergencyState.DONE and run.came_by == "api" and len(run.results) == 50
    assert left == {stop.perm_id}
    assert took < timedelta(seconds=2), took
    assert "smoke" in denied.state_reason
    assert EmergencyRun.objects.count() == 1, "the file and the row are one action"
    assert json.loads(halt_file.read_text())["id"] == str(run.pk)


def test_pressing_again_changes_nothing_and_never_weakens(halt_file: Path) -> None:
    first, again = halt(permission=TradingPermission.KILLED), halt(permission=TradingPermission.KILLED, actor="bob")
    assert again.run_id == first.run_id and EmergencyRun.objects.count() == 1
    weaker = halt(permission=TradingPermission.REDUCING, actor="cy", reason="later")
    assert any("by ann stays" in note for note in weaker.notes)
    row = TradingState.objects.get()
    assert (row.permission, row.set_by, row.reason) == ("killed", "ann", "smoke")
    held = emergency_flag.read()
    assert held is not None and (held.permission, held.actor) == (TradingPermission.KILLED, "ann")


def test_a_second_narrower_stop_leaves_the_wider_file_and_two_narrow_ones_become_everything(halt_file: Path) -> None:
    flag = emergency_flag.Flag(Scope.ACCOUNT, "DU1", TradingPermission.HALTED, "one", "ann")
    emergency_flag.write(flag)
    emergency_flag.write(replace(flag, target="DU2", reason="two", permission=TradingPermission.KILLED))
    both = emergency_flag.read()
    assert both is not None and (both.scope, both.target, both.permission) == (Scope.EVERYTHING, "", "killed")
    assert "one" in both.reason and "two" in both.reason
    emergency_flag.write(flag)
    assert emergency_flag.read() == both and list(halt_file.parent.iterdir()) == [halt_file]


def test_a_file_that_cannot_be_understood_stops_everything(halt_file: Path) -> None:
    halt_file.write_text("stop, please")
    held = emergency_flag.read()
    assert held is not None and (held.scope, held.permission) == (Scope.EVERYTHING, TradingPermission.HALTED)


@pytest.mark.parametrize("text", ["[" * 9000, '{"reason": "a\\u0000b"}', '{"reason": "ab\\ud800"}'])
def test_a_malformed_file_stops_everything_and_pressing_goes_on(text: str, halt_file: Path) -> None:
    halt_file.write_text(text)
    held = emergency_flag.read()
    assert held is not None and (held.scope, held.permission) == (Scope.EVERYTHING, TradingPermission.HALTED)
    asked = halt(reason="lost half a character: \udcff, and a NUL: \0", permission=TradingPermission.KILLED)
    assert EmergencyRun.objects.get(pk=asked.run_id).reason == "lost half a character: ?, and a NUL:"
    with pytest.raises(EmergencyError, match="such a name"):
        halt(scope=Scope.STRATEGY, target="a\0b")


@pytest.mark.mission(193)
@pytest.mark.parametrize(
    ("scope", "target"),
    [(Scope.EVERYTHING, ""), (Scope.ACCOUNT, "DU1"), (Scope.STRATEGY, "momentum"), (Scope.INSTRUMENT, "756733")],
)
def test_each_scope_stops_what_lies_in_it_and_the_strictest_wins(scope: Scope, target: str) -> None:
    halt(scope=scope, target=target, permission=TradingPermission.REDUCING)
    inside = gate.look(account="DU1", strategy="momentum", con_id=756733)
    outside = gate.look(account="DU2", strategy="other", con_id=1)
    assert inside.permission is TradingPermission.REDUCING and not inside.admits(OrderPurpose.ENTRY)
    assert inside.admits(OrderPurpose.EXIT)
    assert outside.admits(OrderPurpose.ENTRY) is (scope is not Scope.EVERYTHING)
    halt(scope=Scope.EVERYTHING, permission=TradingPermission.KILLED)
    assert not any(gate.look(account="DU1").admits(purpose) for purpose in OrderPurpose)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"reason": ""}, "Say why"),
        ({"target": "DU1"}, "Name the account"),
        ({"scope": Scope.ACCOUNT}, "Name the account"),
        ({"scope": Scope.INSTRUMENT, "target": "SPY"}, "conId"),
        ({"permission": TradingPermission.ACTIVE}, "resume"),
    ],
)
def test_a_halt_that_cannot_be_meant_is_refused(values: dict[str, Any], words: str, halt_file: Path) -> None:
    with pytest.raises(EmergencyError, match=words):
        halt(**values)
    assert not TradingState.objects.exists() and not halt_file.exists()


@pytest.mark.mission(181)
def test_a_halt_file_that_cannot_be_written_is_told_and_the_rows_stop_trading(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "file" / "HALT")
    asked = halt()
    assert any("halt file could not be written" in note for note in asked.notes)
    assert TradingState.objects.get().permission == "halted"


@pytest.mark.mission(181)
def test_without_a_database_the_command_writes_the_file_and_says_so(tmp_path: Path) -> None:
    address = "postgresql://nobody:nothing@127.0.0.1:1/none"
    environment = {**os.environ, "DATABASE_URL": address, "TRADEOPS_VAR": str(tmp_path)}
    command = "import django; django.setup(); from apps.risk.management import stopping; stopping.BLIND_SECONDS = 0.3; "
    command += "from django.core.management import execute_from_command_line as run; run({!r})"
    words = ["manage.py", "halt", "--reason", "smoke", "--user", "ann", "--permission", "killed"]
    done = subprocess.run(
        [sys.executable, "-c", command.format(words)],
        cwd=ROOT, env={**environment, "DJANGO_SETTINGS_MODULE": "tradeops.settings"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "The database is away" in done.stdout and "Look in TWS" in done.stderr
    written = json.loads((tmp_path / "HALT").read_text())
    assert (written["scope"], written["permission"], written["actor"]) == ("everything", "killed", "ann")


@committed
@pytest.mark.mission(181)
def test_commands_print_the_receipt_and_exit_with_zero_only_when_verified(
    simulator: SimulatorProcess, halt_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = StringIO()
    with running(simulator, halt_flag=halt_file):
        entry = wait_state(give(simulator), OrderState.WORKING)
        call_command("halt", "--reason", "smoke", "--dry-run", stdout=out)
        assert json.loads(out.getvalue())["would_cancel"] == [f"{entry} (working, entry)"]
        assert not EmergencyRun.objects.exists()
        call_command("halt", "--reason", "smoke", "--yes", stdout=out)
        call_command("cancel_all", "--reason", "smoke", "--yes", stdout=out)
    assert "Done and verified at the broker" in out.getvalue() and "done  cancel SPY" in out.getvalue()
    monkeypatch.setattr(stopping, "VERIFY_SECONDS", 0.3)
    with pytest.raises(CommandError, match="is it running") as failed:
        call_command("halt", "--reason", "again", "--json", stdout=out)
    assert failed.value.returncode == 2
    with pytest.raises(CommandError, match="no user") as failed:
        call_command("halt", "--reason", "again", "--user", "nobody", stdout=out)
    assert failed.value.returncode == 1


@pytest.mark.mission(152)
def test_a_daily_loss_halt_lifts_next_trading_day_and_a_persons_never() -> None:
    friday = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    ends_at = next_trading_day(friday)
    assert ends_at == datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert next_trading_day(datetime(2026, 11, 25, 20, 0, tzinfo=UTC)) == datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
    day = StopEnding.NEXT_TRADING_DAY
    halt(reason="lost 3.1 %", source=StopSource.LIMIT, ending=day, ends_at=ends_at, actor="monitor")
    halt(scope=Scope.ACCOUNT, target="DU1", reason="I say so")
    attend_emergencies(now=ends_at - timedelta(seconds=1))
    assert not gate.look().admits(OrderPurpose.ENTRY)
    attend_emergencies(now=ends_at)
    assert gate.look().admits(OrderPurpose.ENTRY) and not gate.look(account="DU1").admits(OrderPurpose.ENTRY)
    attend_emergencies(now=ends_at + timedelta(days=400))
    assert not gate.look(account="DU1").admits(OrderPurpose.ENTRY)
    released = Event.objects.filter(step="Trading state", actor="clock").get()
    assert "lost 3.1 %" in released.message and not emergency_flag.read()


def test_what_is_not_verified_calls_a_person_once_and_is_resolved_when_it_is() -> None:
    asked = halt()
    attend_emergencies()
    assert not Incident.objects.exists()
    for seconds in (30, 40):
        attend_emergencies(now=clock.now() + timedelta(seconds=seconds))
    incident = Incident.objects.get()
    assert (incident.severity, incident.count, incident.resolved_at) == ("critical", 1, None)
    assert EmergencyRun.objects.get(pk=asked.run_id).state == EmergencyState.REQUESTED, "the gateway still owes it"
    EmergencyRun.objects.filter(pk=asked.run_id).update(state=EmergencyState.DONE)
    attend_emergencies()
    incident.refresh_from_db()
    assert incident.resolved_at is not None


def test_an_abandoned_close_all_is_given_up_and_its_orders_with_it() -> None:
    make_account()
    asked = emergency.close_all(reason="test", actor="ann")
    attend_emergencies(now=clock.now() + timedelta(seconds=111))
    run = EmergencyRun.objects.get(pk=asked.run_id)
    assert run.state == EmergencyState.ESCALATED and Incident.objects.count() == 1
    assert broker.release_trading_state(scope=Scope.EVERYTHING, source=StopSource.MANUAL, reason="x", actor="y")
    assert EmergencyRun.objects.filter(kind=EmergencyKind.CLOSE_ALL).count() == 1
