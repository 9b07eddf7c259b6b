"""The control port itself, and the commands around it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from apps.broker.simulator.control.client import ControlError, control
from apps.broker.simulator.control.commands import COMMANDS
from apps.broker.simulator.testing import ROOT, SimulatorProcess

from .conftest import START

EXAMPLES = {
    "1100": "1100",
    "1101": "1101",
    "1102": "1102",
    "accept-close": "accept-close off",
    "blackhole": "blackhole off",
    "bulletin": "bulletin all is well",
    "cancel": "cancel {order}",
    "correct-exec": "correct-exec",
    "clock-offset": "clock-offset 0",
    "delay": "delay 0",
    "drop": "drop all",
    "dup-exec": "dup-exec",
    "end-day": "end-day",
    "entitle": "entitle live",
    "error": "error 2109 nothing to worry about",
    "executions": "executions",
    "fail": "fail reqMktData 354 0",
    "farm": "farm 2104",
    "fill": "fill 0 {bound} 1 500",
    "fill-chunk": "fill-chunk off",
    "freeze-data": "freeze-data off",
    "garble": "garble POSITION 0",
    "halt": "halt SPY off",
    "help": "help",
    "hist-pacing": "hist-pacing on",
    "hold": "hold off",
    "late-orders": "late-orders off",
    "log": "log 5",
    "lose-ack": "lose-ack 0",
    "lose-order": "lose-order 0",
    "mute": "mute 49 0",
    "now": "now",
    "order": "order SPY SELL 5 900",
    "orders": "orders",
    "pacing": "pacing 50 reject",
    "positions": "positions",
    "price": "price SPY 600",
    "quote": "quote SPY",
    "readonly": "readonly off",
    "refuse": "refuse 0",
    "reject": "reject 0",
    "restart": "restart 0 keep-ids",
    "restart-at": "restart-at 23:45 1",
    "status": "status",
    "swallow-exec": "swallow-exec 0",
    "tick": "tick 3",
    "trade": "trade SPY BUY 10",
}


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


def test_every_command_works(simulator: SimulatorProcess) -> None:
    simulator.control("trade SPY BUY 1")
    order = simulator.control("order SPY BUY 10 500")["perm_id"]
    for name, line in EXAMPLES.items():
        if name != "fill":
            simulator.control(line.format(order=order, bound=0))
    assert simulator.is_alive


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "tick x",
        "tick 0",
        "tick 1 2",
        "price SPY",
        "price SPY -1",
        "price NOSUCH 5",
        "fill 1 1 1 1",
        "fill 1 1 nan 1",
        "fail noSuchRequest 200 1",
        "drop 5",
        "pacing 10 sometimes",
        "restart soon",
        "restart-at 25:00 1",
        "restart 1 please",
        "entitle maybe",
        "hold perhaps",
        "trade SPY HOLD 5",
        "farm 1",
        "cancel 1",
        "correct-exec",
        'log "unbalanced',
    ],
)
def test_wrong_command_is_an_error_with_a_reason(shared_simulator: SimulatorProcess, line: str) -> None:
    with pytest.raises(ControlError) as refusal:
        shared_simulator.control(line)
    assert len(str(refusal.value)) > len(line) + 5
    assert shared_simulator.control("now")


def test_several_commands_on_one_connection(shared_simulator: SimulatorProcess) -> None:
    with socket.create_connection(("127.0.0.1", shared_simulator.control_port), timeout=10) as link:
        link.sendall(b"now\nnonsense\nstatus\n")
        lines = link.makefile("rb")
        assert [json.loads(lines.readline())["ok"] for _ in range(3)] == [True, False, True]


def test_endless_line_is_cut_off(shared_simulator: SimulatorProcess) -> None:
    with socket.create_connection(("127.0.0.1", shared_simulator.control_port), timeout=10) as link:
        try:
            link.sendall(b"x" * 300_000)
            assert link.recv(100) == b""
        except ConnectionError:
            pass
    assert shared_simulator.control("now")


def test_same_seed_gives_the_same_market_and_ids() -> None:
    seen = []
    for _ in range(2):
        with SimulatorProcess(*START, "--seed", "11") as running:
            running.control("tick 50")
            trade = running.control("trade SPY BUY 10")
            seen.append((running.control("quote SPY"), trade, running.control("executions")))
    assert seen[0] == seen[1]


def test_positions_agree_with_executions(simulator: SimulatorProcess) -> None:
    before = {row["con_id"]: int(row["quantity"]) for row in simulator.control("positions")["positions"]}
    simulator.control("trade AAPL BUY 30")
    simulator.control("trade AAPL SELL 10")
    change: dict[int, int] = {}
    for row in simulator.control("executions")["executions"]:
        sign = 1 if row["side"] == "BOT" else -1
        change[row["con_id"]] = change.get(row["con_id"], 0) + sign * int(row["shares"])
    after = {row["con_id"]: int(row["quantity"]) for row in simulator.control("positions")["positions"]}
    assert {con_id: after[con_id] - before.get(con_id, 0) for con_id in change} == change
    assert list(change.values()) == [20]


# commands


def test_control_command_prints_the_answer(
    shared_simulator: SimulatorProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("simulator_control", "quote", "SPY", control_port=shared_simulator.control_port)
    assert json.loads(capsys.readouterr().out)["quotes"][0]["currency"] == "USD"


def test_control_command_reports_refusals(shared_simulator: SimulatorProcess) -> None:
    with pytest.raises(CommandError, match="unknown command"):
        call_command("simulator_control", "nonsense", control_port=shared_simulator.control_port)


def test_control_command_without_a_simulator_names_the_remedy() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ControlError, match="start one first"):
            control(unused.getsockname()[1], "now")


def test_control_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("simulator_control", "--help")
    lines = capsys.readouterr().out.splitlines()
    for known in COMMANDS.values():
        assert any(line.split("  ")[1] == known.usage for line in lines if line.startswith("  ")), known.usage


def test_django_command_serves_until_sigterm() -> None:
    command = [sys.executable, "manage.py", "simulator", "--print-ports", "--tick-interval", "0", *START]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        assert control(ports["control_port"], "now")["now"].startswith("2026-11-20T15:30:00")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
