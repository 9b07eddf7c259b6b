"""The gateway as the real command, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tradeops.lib.listen import conninfo

ROOT = Path(__file__).resolve().parents[3]


def environment(port: int, *, database: str = "") -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": database or conninfo(),
        "IBKR_HOST": "127.0.0.1",
        "IBKR_PORT": str(port),
        "IBKR_CLIENT_ID": "1",
        "IBKR_ACCOUNT": "",
        "PAPER_TRADING": "true",
        "IBKR_RESTART_STARTS_AT": "00:00",
        "IBKR_RESTART_ENDS_AT": "00:00",
        "IBKR_REGION": "NONE",
    }


@contextmanager
def gateway_process(
    port: int, *, database: str = "", output: IO[str] | int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """`output` is a file where it says more than a pipe holds that nobody reads."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "gateway"],
        cwd=ROOT,
        env=environment(port, database=database),
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
