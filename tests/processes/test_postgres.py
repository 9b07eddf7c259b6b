"""The embedded PostgreSQL: starts anywhere, survives kill -9, is found again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import psycopg
import pytest

from tradeops.processes import postgres
from tradeops.processes.postgres import EmbeddedPostgres


def test_committed_rows_survive_kill_9(tmp_path: Path) -> None:
    cluster = EmbeddedPostgres(tmp_path / "postgres")
    process, address = cluster.start()
    with psycopg.connect(address.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE fact (id int)")
        connection.execute("INSERT INTO fact VALUES (1)")
    process.kill()
    process.wait()
    process, address = cluster.start()
    with psycopg.connect(address.dsn()) as connection:
        assert connection.execute("SELECT id FROM fact").fetchall() == [(1,)]
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_server_of_a_dead_supervisor_is_stopped_before_the_next_start(tmp_path: Path) -> None:
    first, _ = EmbeddedPostgres(tmp_path / "postgres", durable=False).start()
    second, address = EmbeddedPostgres(tmp_path / "postgres", durable=False).start()
    assert first.wait(10) == 0
    with psycopg.connect(address.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.send_signal(signal.SIGINT)
    second.wait(10)


def test_taken_port_is_replaced(tmp_path: Path) -> None:
    cluster = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    before = cluster.prepare()
    with socket.create_server(("127.0.0.1", before.port)):
        process, after = cluster.start()
        assert after.port != before.port
        process.send_signal(signal.SIGINT)
        process.wait(10)


def test_password_is_private_and_needed(tmp_path: Path) -> None:
    cluster = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    process, address = cluster.start()
    assert (tmp_path / "postgres" / "address.json").stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://tradeops:wrong@127.0.0.1:{address.port}/tradeops")
    process.send_signal(signal.SIGINT)
    process.wait(10)


def test_server_never_runs_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root where user namespaces are forbidden: `nobody`, on a copy of the binaries that it may read."""
    monkeypatch.setattr(postgres, "user_namespaces_work", lambda: False)
    folder = Path(tempfile.mkdtemp(prefix="tradeops-nobody-", dir="/var/tmp"))
    folder.chmod(0o755)
    cluster = EmbeddedPostgres(folder / "postgres", durable=False)
    try:
        process, address = cluster.start()
        owner = Path(f"/proc/{process.pid}").stat().st_uid
        with psycopg.connect(address.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert owner == (os.geteuid() or postgres.NOBODY)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
