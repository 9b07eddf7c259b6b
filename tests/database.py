"""A pytest plugin: one real PostgreSQL for the whole run, in a temporary folder, shared by all workers.

Migrated once: the database of every worker is a copy of it, and a platform that a test brings up begins with a copy of
its files unless the test is about the first start.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MIGRATED_CLUSTER = "TRADEOPS_TESTS_MIGRATED_CLUSTER"


def start_postgres() -> None:
    from tradeops.processes.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp(prefix="tradeops-tests-"))
    cluster = EmbeddedPostgres(folder / "postgres", durable=False)
    process, address = cluster.start()

    def stop() -> None:
        process.send_signal(signal.SIGINT)
        process.wait(15)

    def end() -> None:
        stop()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    os.environ["DATABASE_URL"] = address.dsn()
    os.environ["TRADEOPS_VAR"] = str(folder / "var")
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    stop()
    os.environ[MIGRATED_CLUSTER] = str(folder / "migrated")
    copy(cluster.folder, folder / "migrated")
    process, _ = cluster.start()


def give_migrated_cluster(folder: Path) -> None:
    """To a folder that does not exist yet: an `EmbeddedPostgres` there starts with all tables."""
    from tradeops.processes.postgres import free_port

    copy(Path(os.environ[MIGRATED_CLUSTER]), folder)
    address = folder / "address.json"
    address.write_text(json.dumps({**json.loads(address.read_text()), "port": free_port()}))


def copy(source: Path, to: Path) -> None:
    """With the owner, on which PostgreSQL insists."""
    to.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(source), str(to)], check=True)


if "PYTEST_XDIST_WORKER" not in os.environ:
    start_postgres()
