"""deploy/tradeops-service: what it would install, what it refuses, and a run in the background."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "deploy" / "tradeops-service"
# What the script needs of a system; systemctl is not among it.
TOOLS = ("sh", "dirname", "cat", "sed", "id", "mkdir", "mv", "cmp", "rm", "ps", "grep", "nohup", "env")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A system without systemd, whatever the real one has: the tests must never install anything."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    home = tmp_path / "home of $mine"
    home.mkdir()
    inherited = {key: os.environ[key] for key in ("DATABASE_URL",)}
    return {**inherited, "PATH": str(tools), "HOME": str(home), "TRADEOPS_VAR": str(tmp_path / "var 100%")}


def service(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.mission(3)
@pytest.mark.mission(4)
def test_dry_run_shows_a_unit_that_systemd_accepts_and_changes_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    shown = service(environment, "install", "--dry-run", "--name", "paper", "--simulator")
    assert shown.returncode == 0, shown.stderr
    first, *unit = shown.stdout.splitlines()
    assert first == f"# {environment['HOME']}/.config/systemd/user/paper.service"
    assert f"WorkingDirectory={ROOT}" in unit
    assert "Restart=always" in unit and "WantedBy=default.target" in unit
    [command] = [line for line in unit if line.startswith("ExecStart=")]
    assert command.startswith(
        f'ExecStart="{ROOT}/.venv/bin/python" -m tradeops.lib.capture "{tmp_path}/var 100%%/logs/'
    )
    assert command.endswith(f'"{ROOT}/manage.py" up ')
    assert list(Path(environment["HOME"]).iterdir()) == []
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        (tmp_path / "paper.service").write_text("\n".join(unit))
        runtime = tmp_path / "runtime"
        runtime.mkdir(mode=0o700)
        verified = subprocess.run(
            [analyze, "verify", "--user", str(tmp_path / "paper.service")],
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stderr


@pytest.mark.mission(3)
def test_install_without_systemd_is_refused_with_the_other_ways(environment: dict[str, str]) -> None:
    refused = service(environment, "install")
    assert refused.returncode == 1
    assert "no systemd answers" in refused.stderr and "run --background" in refused.stderr
    assert list(Path(environment["HOME"]).iterdir()) == []


def test_uninstall_of_nothing_is_no_error(environment: dict[str, str]) -> None:
    done = service(environment, "uninstall")
    assert done.returncode == 0 and "nothing to uninstall" in done.stdout


@pytest.mark.mission(34)
def test_install_with_a_wrong_setting_names_the_key(environment: dict[str, str]) -> None:
    refused = service({**environment, "IBKR_PORT": "many"}, "install", "--dry-run")
    assert refused.returncode == 1 and "IBKR_PORT='many'" in refused.stderr
    assert "ExecStart" not in refused.stdout


@pytest.mark.parametrize("arguments", [["bogus"], ["install", "--bogus"], ["install", "--dry-run", "--name", "a b"]])
def test_what_it_does_not_know_is_refused(environment: dict[str, str], arguments: list[str]) -> None:
    assert service(environment, *arguments).returncode == 1


@pytest.mark.mission(3)
def test_help_names_every_command(environment: dict[str, str]) -> None:
    shown = service(environment, "help").stdout
    for command in ("install", "uninstall", "status", "logs", "test", "run", "help"):
        assert f"\n  {command} " in shown


@pytest.mark.mission(3)
def test_logs_and_status_reach_the_commands(environment: dict[str, str]) -> None:
    assert "There is no log 'nonsense'" in service(environment, "logs", "nonsense").stderr
    assert "Not installed as a service" in service(environment, "status").stdout


@pytest.mark.mission(5)
@pytest.mark.mission(33)
def test_background_run_keeps_its_output_and_says_how_it_ended(environment: dict[str, str]) -> None:
    log = Path(environment["TRADEOPS_VAR"]) / "logs" / "scheduler.stdout.log"
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        started = service({**environment, "WEB_PORT": port}, "run", "--background", "--simulator")
        assert started.returncode == 0 and str(log) in started.stdout
        wait_for(lambda: log.exists() and "run failed" in log.read_text(), seconds=30, what="its end in the log")
    lines = log.read_text().splitlines()
    assert "run start: tradeops" in lines[0]
    assert any(f"Port {port} is in use by another program" in line for line in lines)
    assert "run failed: tradeops (exit code 1" in lines[-1]
    assert "It is not running." in service(environment, "stop").stdout


def test_script_is_clean_shell() -> None:
    shellcheck = ROOT / ".venv" / "bin" / "shellcheck"
    checked = subprocess.run([shellcheck, SCRIPT], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
