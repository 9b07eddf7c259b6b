"""Run a command and keep what it writes: `python -m tradeops.lib.capture FILE [options] -- COMMAND...`

For runs without a terminal (background, cron, launchd, timers). Output goes line by line, without secrets, into a log
that rotates as all logs do; a last line says how the command ended. Signals are passed on; the exit code is the
command's. Knows nothing of Django: it also keeps what a wrong configuration says.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

import environ

from tradeops.lib.redaction import redact
from tradeops.lib.rotation import RotatedFile

NOT_FOUND, NOT_ALLOWED = 127, 126


class Log:
    """Lines of several threads into one rotated file."""

    def __init__(self, path: Path) -> None:
        self._file = RotatedFile(path)
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        with self._lock:
            self._file.write(redact(line).encode("utf-8", "backslashreplace") + b"\n")

    def say(self, level: str, text: str) -> None:
        self.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {level} capture {text}")


def capture(command: Sequence[str], *, name: str, log: Log, errors: Log) -> int:
    """Run `command` to its end; its exit code, 128 + number for a signal."""
    started = time.monotonic()
    log.say("INFO", f"run start: {name}")
    try:
        process = subprocess.Popen(  # noqa: S603 - what the operator has planned
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        errors.say("ERROR", f"run failed: {name}: {error}. Use absolute paths: a scheduler knows no PATH of a login.")
        return NOT_ALLOWED if isinstance(error, PermissionError) else NOT_FOUND
    pass_signals_on(process)
    copy(process, log, errors)
    code = process.wait()
    code = code if code >= 0 else 128 - code
    took = f"exit code {code}, {time.monotonic() - started:.1f} s"
    if code == 0:
        log.say("INFO", f"run completed: {name} ({took})")
    else:
        errors.say("ERROR", f"run failed: {name} ({took}); the lines above say why")
    return code


def copy(process: subprocess.Popen[bytes], log: Log, errors: Log) -> None:
    """Until both streams end."""
    threads = [
        threading.Thread(target=relay, args=[stream, target], daemon=True)
        for stream, target in ((process.stdout, log), (process.stderr, errors))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def relay(stream: IO[bytes], log: Log) -> None:
    with stream:
        for line in stream:
            log.write(line.decode("utf-8", "replace").rstrip("\r\n"))


def pass_signals_on(process: subprocess.Popen[bytes]) -> None:
    def pass_on(number: int, frame: FrameType | None) -> None:
        if process.poll() is None:
            process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)


def main(arguments: Sequence[str]) -> int:
    parser = ArgumentParser(prog="python -m tradeops.lib.capture", description="Run a command and keep what it writes.")
    parser.add_argument("file", type=Path, help="the log to append to")
    parser.add_argument("--errors", type=Path, help="another log for what it writes to stderr")
    parser.add_argument("--name", default="", help="how the log calls this run")
    parser.add_argument("--environment-file", type=Path, help="KEY=VALUE lines; the environment wins over them")
    parser.add_argument("command", nargs="+", help="after --")
    chosen = parser.parse_args(arguments)
    if chosen.environment_file is not None:
        environ.Env.read_env(chosen.environment_file)
    log = Log(chosen.file)
    errors = Log(chosen.errors) if chosen.errors else log
    return capture(chosen.command, name=chosen.name or shlex.join(chosen.command), log=log, errors=errors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
