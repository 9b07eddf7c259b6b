"""A PostgreSQL server of its own, which a test may stop, freeze and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from django.db import connections

from tests.database import give_migrated_cluster
from tradeops.processes.postgres import NAME, EmbeddedPostgres

ROOT = Path(__file__).parent.parent


class OwnDatabase:
    """With all tables. `durable=False` where no test cares what a crash has kept."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        give_migrated_cluster(folder)
        self.cluster = EmbeddedPostgres(folder, durable=durable)
        self.process, self.address = self.cluster.start()

    @property
    def url(self) -> str:
        return self.address.dsn()

    def manage(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.url},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The ORM of this process speaks to it."""
        connections.close_all()
        settings = connections.settings["default"]
        before = {name: settings[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        address = self.address
        settings |= {"NAME": NAME, "USER": NAME, "PASSWORD": address.password, "HOST": "127.0.0.1"}
        settings["PORT"] = str(address.port)
        try:
            yield
        finally:
            connections.close_all()
            settings |= before

    def stop(self) -> None:
        """At once, as in a crash: the server ends its sessions in the middle of whatever they do."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(15)

    def start_again(self) -> None:
        self.process, address = self.cluster.start()
        assert address == self.address

    def pause(self, how: signal.Signals) -> None:
        root = psutil.Process(self.process.pid)
        for process in [*root.children(recursive=True), root]:
            process.send_signal(how)
