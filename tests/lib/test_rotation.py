"""Rotation by any of several writing processes loses nothing, and keeps what the rule says."""

from __future__ import annotations

import fcntl
import gzip
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.waiting import wait_for
from tradeops.lib.archives import archives, superfluous, tidy
from tradeops.lib.rotation import RotatedFile, RotatedFileHandler

ROOT = Path(__file__).parent.parent.parent
WRITER = """
import sys
from pathlib import Path
from tradeops.lib.rotation import RotatedFile
log = RotatedFile(Path(sys.argv[1]), largest_bytes=int(sys.argv[4]))
for number in range(int(sys.argv[3])):
    log.write(f"{sys.argv[2]} {number} {'x' * 60}\\n".encode())
"""


def writer(path: Path, name: str, *, lines: int, largest_bytes: int) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(lines), str(largest_bytes)]
    return subprocess.Popen(arguments, cwd=ROOT)


def read(file: Path) -> str:
    return gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()


def all_lines(path: Path) -> list[str]:
    return [line for file in [*archives(path), path] if file.exists() for line in read(file).splitlines()]


def write(path: Path, *lines: str, largest_bytes: int = 10_000) -> None:
    """Through a handle of its own, waiting for what it leaves to its thread."""
    log = RotatedFile(path, largest_bytes=largest_bytes)
    for line in lines:
        log.write(line.encode() + b"\n")
    log.close()
    for thread in threading.enumerate():
        if thread.name == "log-archives":
            thread.join()


def let_it_be_yesterday(path: Path) -> None:
    written = datetime.now(UTC).timestamp() - 86_400
    os.utime(path, (written, written))


@pytest.mark.mission(74)
def test_processes_that_write_across_rotations_lose_no_line_and_tear_none(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    # Archives are only removed beyond five of a day: no more rotations than that, but under full load.
    writers = [writer(path, name, lines=6000, largest_bytes=300_000) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in writers] == [0, 0, 0]
    assert 1 <= len(archives(path)) <= 5
    tidy(path)
    assert {archive.suffix for archive in archives(path)} == {".gz"}
    lines = all_lines(path)
    for name in ("a", "b", "c"):
        mine = [line for line in lines if line.startswith(name)]
        assert mine == [f"{name} {number} {'x' * 60}" for number in range(6000)], "lost, torn or out of order"
    assert len(lines) == 18_000


@pytest.mark.mission(74)
def test_first_line_of_a_new_day_rotates_and_compresses(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    write(path, "yesterday's")
    let_it_be_yesterday(path)
    day = f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d}"
    write(path, "today's")
    [archive] = archives(path)
    assert archive.name.startswith(f"app.log.{day}T") and archive.suffix == ".gz"
    assert (read(archive), path.read_text()) == ("yesterday's\n", "today's\n")


@pytest.mark.mission(74)
def test_empty_file_is_not_rotated_and_a_missing_one_is_made(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "app.log"
    write(path, "made")
    path.write_bytes(b"")
    let_it_be_yesterday(path)
    write(path, "first")
    assert archives(path) == []
    path.unlink()
    write(path, "again")
    assert path.read_text() == "again\n"


def test_removed_file_is_followed_by_a_process_that_has_it_open(tmp_path: Path) -> None:
    log = RotatedFile(tmp_path / "app.log")
    log.write(b"one\n")
    log.path.unlink()
    log.write(b"two\n")
    log.close()
    assert log.path.read_text() == "two\n"


@pytest.mark.mission(74)
def test_thirty_days_are_kept_and_five_archives_of_a_day(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    days = [f"2026-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 21)]
    for day in days:
        for hour in range(7):
            (tmp_path / f"app.log.{day}T{hour:02}0000.000000Z.gz").write_bytes(gzip.compress(b"line\n"))
    (tmp_path / "app.log.old").write_text("not ours")
    tidy(path)
    kept = archives(path)
    assert sorted({archive.name[8:18] for archive in kept}) == days[-30:]
    assert [archive.name[19:21] for archive in kept[:5]] == ["02", "03", "04", "05", "06"]
    assert len(kept) == 150 and superfluous(kept) == []
    assert (tmp_path / "app.log.old").exists()


def test_archive_that_a_killed_process_left_is_compressed_by_the_next_rotation(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    left = tmp_path / "app.log.2026-01-05T163501.000001Z"
    left.write_text("left behind\n")
    left.with_name(left.name + ".gz.new").write_bytes(b"half")
    write(path, "x" * 60, "y" * 60, largest_bytes=100)
    assert not left.exists()
    assert read(left.with_name(left.name + ".gz")) == "left behind\n"


def test_frozen_writer_postpones_the_rotation_and_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    write(path, "x" * 90)
    with path.open("rb") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_SH)
        write(path, "y" * 90, largest_bytes=100)
        assert archives(path) == [] and len(path.read_text().splitlines()) == 2
    write(path, "z" * 90, largest_bytes=100)
    assert len(archives(path)) == 1 and path.read_text() == "z" * 90 + "\n"


def test_frozen_rotator_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    write(path, "one")
    with path.open("rb") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        write(path, "two")
    assert path.read_text() == "one\ntwo\n"


def test_writer_killed_at_any_moment_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    process = writer(path, "a", lines=10_000_000, largest_bytes=50_000)
    wait_for(lambda: archives(path), what="a rotation")
    process.send_signal(signal.SIGKILL)
    process.wait()
    write(path, "b after", largest_bytes=50_000)
    assert all(line == "b after" or line.endswith("x" * 60) for line in read(path).splitlines())


def test_forked_child_opens_the_file_for_itself(tmp_path: Path) -> None:
    log = RotatedFile(tmp_path / "app.log")
    log.write(b"parent\n")
    child = multiprocessing.get_context("fork").Process(target=hold_a_line, args=[log])
    child.start()
    child.join(20)
    log.write(b"parent again\n")
    log.close()
    assert child.exitcode == 0
    assert log.path.read_text() == "parent\nchild\nparent again\n"


def hold_a_line(log: RotatedFile) -> None:
    inherited = log._file
    log.write(b"child\n")
    assert log._pid == os.getpid() and inherited is not None


def test_handler_writes_nothing_before_its_first_record(tmp_path: Path) -> None:
    handler = RotatedFileHandler(str(tmp_path / "logs" / "quiet.log"))
    assert not (tmp_path / "logs").exists()
    handler.handle(logging.makeLogRecord({"msg": "spoken"}))
    handler.close()
    assert (tmp_path / "logs" / "quiet.log").read_text() == "spoken\n"


def test_full_disk_is_reported_and_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = RotatedFileHandler("/dev/full")
    handler.handle(logging.makeLogRecord({"msg": "lost"}))
    handler.close()
    assert "No space left on device" in capsys.readouterr().err
