"""Why a job that works in a terminal does not work from cron or systemd, looked at on this host."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from apps.jobs.diagnosis import manage, manage_file


@dataclass(frozen=True, slots=True)
class Cause:
    """`is_good`: what this process found on its own host. `fix` can be pasted as it is."""

    name: str
    symptom: str
    found: str
    is_good: bool
    fix: str


def common_causes() -> list[Cause]:
    causes: tuple[Callable[[], Cause], ...] = (_path, _environment_file, _environment, _permissions)
    return [cause() for cause in causes]


def _path() -> Cause:
    program = manage_file()
    return Cause(
        name="Path",
        symptom="“No such file or directory”: cron starts in the home folder and knows a short PATH.",
        found=f"{program} {'is there' if program.is_file() else 'is missing'}.",
        is_good=program.is_file(),
        fix=manage("run_job daily_snapshot"),
    )


def _environment_file() -> Cause:
    file = Path(settings.BASE_DIR) / ".env"
    readable = file.is_file() and os.access(file, os.R_OK)
    found = f"{file} is read by every command, from any folder." if readable else f"{file} is missing or unreadable."
    return Cause(
        name="Environment file",
        symptom="Settings fall back to their defaults: the wrong broker port, another database.",
        found=found if file.exists() else f"{file} does not exist: defaults and the process's own environment hold.",
        is_good=readable or not file.exists(),
        fix=f"cp {file}.example {file} && chmod 600 {file}" if not file.exists() else f"chown {user()} {file}",
    )


def _environment() -> Cause:
    inside = sys.prefix != sys.base_prefix
    return Cause(
        name="Virtual environment",
        symptom="“No module named django”: the system's Python was started.",
        found=f"{sys.executable} {'belongs to one' if inside else 'is the system’s Python'}.",
        is_good=inside,
        fix=manage("check"),
    )


def _permissions() -> Cause:
    log = Path(settings.LOG_FILE)
    places = [Path(settings.VAR_DIR), log.parent, *([log] if log.exists() else [])]
    locked = [str(place) for place in places if not os.access(place, os.W_OK)]
    return Cause(
        name="Permissions",
        symptom="“Permission denied”: the job once ran as root, or as another user.",
        found=f"{user()} may not write {', '.join(locked)}." if locked else f"{user()} may write {settings.VAR_DIR}.",
        is_good=not locked,
        fix=f"chown -R {user()} {settings.VAR_DIR}",
    )


def user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def crontab_line() -> str:
    """A line that works: absolute paths only, its output kept."""
    log = Path(settings.LOG_FILE).parent / "cron.log"
    return f"35 16 * * * {manage('run_job daily_snapshot')} >> {log} 2>&1"
