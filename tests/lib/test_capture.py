"""Runs without a terminal: output, end and exit code are kept; signals are passed on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tradeops.lib.capture", str(folder / "run.log"), *arguments]
    return subprocess.Popen(command, cwd=ROOT)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.mission(57)
def test_output_and_completion_are_appended(tmp_path: Path) -> None:
    for word in ("first", "second"):
        assert start(tmp_path, "--name", word, "--", "/bin/sh", "-c", f"echo {word} token=abcdefgh").wait(20) == 0
    kept = lines(tmp_path / "run.log")
    assert [kept[1], kept[4]] == ["first token=***", "second token=***"]
    assert "INFO capture run completed: second (exit code 0" in kept[-1]


def test_exit_code_is_the_commands_and_errors_may_go_elsewhere(tmp_path: Path) -> None:
    run = start(
        tmp_path, "--errors", str(tmp_path / "error.log"), "--", "/bin/sh", "-c", "echo out; echo bad >&2; exit 3"
    )
    assert run.wait(20) == 3
    assert lines(tmp_path / "run.log")[1:] == ["out"]
    assert lines(tmp_path / "error.log")[0] == "bad"
    assert "run failed" in lines(tmp_path / "error.log")[1] and "exit code 3" in lines(tmp_path / "error.log")[1]


@pytest.mark.mission(67)
def test_command_that_does_not_exist_names_the_cure(tmp_path: Path) -> None:
    assert start(tmp_path, "--", "tradeops-of-nowhere").wait(20) == 127
    assert "Use absolute paths" in lines(tmp_path / "run.log")[-1]


@pytest.mark.mission(67)
def test_command_without_permission_names_the_cure(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o600)
    assert start(tmp_path, "--", str(script)).wait(20) == 126
    assert "Permission denied" in lines(tmp_path / "run.log")[-1]


def test_environment_file_fills_gaps_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text("COLOUR=blue\nTASTE=sweet\n")
    monkeypatch.setenv("TASTE", "sour")
    run = start(tmp_path, "--environment-file", str(settings), "--", "/bin/sh", "-c", "echo $COLOUR $TASTE")
    assert run.wait(20) == 0
    assert lines(tmp_path / "run.log")[1] == "blue sour"


def test_sigterm_reaches_the_command(tmp_path: Path) -> None:
    run = start(tmp_path, "--", "/bin/sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done")
    log = tmp_path / "run.log"
    wait_for(lambda: log.exists() and "up" in lines(log), what="the command runs")
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) == 0
    assert lines(log)[2] == "bye"
