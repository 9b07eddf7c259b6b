"""A pytest plugin: one real PostgreSQL for the whole run, in a temporary folder, shared by all workers."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path


def start_postgres() -> None:
    from tradeops.processes.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp(prefix="tradeops-tests-"))
    process, address = EmbeddedPostgres(folder / "postgres", durable=False).start()

    def stop() -> None:
        process.send_signal(signal.SIGINT)
        process.wait(15)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    os.environ["DATABASE_URL"] = address.dsn()
    os.environ["TRADEOPS_VAR"] = str(folder / "var")


if "PYTEST_XDIST_WORKER" not in os.environ:
    start_postgres()
