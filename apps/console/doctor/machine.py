"""Checks of the machine: Python, ports, disk, time zone data, secrets."""

from __future__ import annotations

import shutil
import socket
import stat
import sys
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.console.doctor.verdicts import Check, fail, ok, warn
from apps.console.health.rules import COMFORTABLE_FREE_BYTES, LEAST_FREE_BYTES

NEEDED_PYTHON = (3, 11)
ZONES = ("UTC", "America/New_York", "Europe/London")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def check_python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < NEEDED_PYTHON:
        return fail("python", f"Python {found}", "Install Python 3.11 or newer and remake .venv.")
    return ok("python", f"Python {found}")


def check_web_port(host: str, port: int) -> Check:
    with socket.socket() as probe:
        probe.settimeout(2)
        answered = probe.connect_ex((host, port)) == 0
    if answered:
        return ok("web port", f"{host}:{port} is served")
    return warn("web port", f"nothing serves {host}:{port}", "Start the platform with `manage.py up`.")


def check_time_zones() -> Check:
    try:
        for zone in ZONES:
            ZoneInfo(zone)
    except ZoneInfoNotFoundError as error:
        return fail("time zones", f"no data for {error}", "Install the package tzdata.")
    return ok("time zones", "data for New York and London present")


def check_disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    detail = f"{free / (1 << 30):.1f} GiB free at {folder}"
    if free < LEAST_FREE_BYTES:
        return fail("disk", detail, "Free some space: below 1 GiB the database may stop.")
    if free < COMFORTABLE_FREE_BYTES:
        return warn("disk", detail, "Free some space soon.")
    return ok("disk", detail)


def check_secrets(*, secret_key: str, debug: bool, files: list[Path]) -> Check:
    if len(secret_key) < 40:
        return fail("secrets", "SECRET_KEY is short", "Use at least 40 random characters, or unset it.")
    if debug:
        return fail("secrets", "DEBUG=true shows internals to visitors", "Set DEBUG=false.")
    exposed = [path for path in files if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if exposed:
        names = " ".join(str(path) for path in exposed)
        return fail("secrets", f"readable by others: {names}", f"chmod 600 {names}")
    return ok("secrets", "private, DEBUG is off")


def check_exposure(host: str, https: bool) -> Check:
    if host in LOOPBACK or https:
        return ok("exposure", f"web pages on {host}" + (" behind TLS" if https else ""))
    return fail(
        "exposure",
        f"WEB_HOST={host} without TLS sends passwords in clear text",
        "Put a TLS proxy in front and set HTTPS=true, or set WEB_HOST=127.0.0.1.",
    )
