"""Finding, reading and following logs: by listed names only, across rotations."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from tradeops.lib.log_files import UnknownLog, find_log, follow, list_logs, tail
from tradeops.lib.rotation import RotatedFile

ARCHIVE = "app.log.2026-01-05T163501.000001Z.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "app.log").write_text("one\ntwo\nthree\n")
    (logs / "scheduler.log").write_text("job start\n")
    (logs / "scheduler_status.json").write_text("{}")
    (logs / ARCHIVE).write_bytes(gzip.compress(b"old one\nold two\n"))
    (logs / ".scheduler_status.json.x1").write_text("draft")
    (tmp_path / "secret_key").write_text("secret")
    (logs / "linked.log").symlink_to(tmp_path / "secret_key")
    return logs


def test_current_logs_come_first_and_links_and_drafts_not_at_all(folder: Path) -> None:
    assert [log.name for log in list_logs(folder)] == ["app.log", "scheduler.log", "scheduler_status.json", ARCHIVE]


def test_log_file_elsewhere_is_listed_too(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine.log"
    assert "mine.log" not in [log.name for log in list_logs(folder, elsewhere)]
    elsewhere.write_text("line\n")
    assert find_log("mine", folder, elsewhere).path == elsewhere


def test_folder_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    assert list_logs(tmp_path / "none") == []


@pytest.mark.parametrize(
    "name",
    ["../secret_key", "/etc/passwd", "linked.log", "linked", "..", "", ".scheduler_status.json.x1", "app.log/.."],
)
def test_nothing_but_listed_names_can_be_read(folder: Path, name: str) -> None:
    with pytest.raises(UnknownLog, match="Choose one of: app.log, scheduler.log"):
        find_log(name, folder)


def test_tail_reads_the_last_lines_of_logs_and_archives(folder: Path) -> None:
    assert tail(folder / "app.log", 2) == ["two", "three"]
    assert tail(folder / "app.log", 0) == []
    assert tail(folder / ARCHIVE, 1) == ["old two"]


def test_tail_of_a_huge_log_is_bounded_and_starts_with_a_whole_line(folder: Path) -> None:
    path = folder / "huge.log"
    path.write_text("".join(f"line {number:07}\n" for number in range(300_000)))
    lines = tail(path, 10**9)
    assert len(lines) < 200_000
    assert lines[0].startswith("line ") and lines[-1] == "line 0299999"


@pytest.mark.mission(60)
def test_follow_goes_on_across_a_rotation(folder: Path) -> None:
    path = folder / "app.log"
    log = RotatedFile(path, largest_bytes=100)
    seen = follow(path, 1)
    assert next(seen) == "three"
    for number in range(12):  # rotated on the way
        log.write(f"number {number} {'x' * 30}\n".encode())
        assert next(seen).startswith(f"number {number} ")
    log.close()


def test_follow_shows_whole_lines_only_and_survives_a_cut(folder: Path) -> None:
    path = folder / "app.log"
    seen = follow(path, 1)
    assert next(seen) == "three"
    with path.open("a") as file:
        file.write("whole\nhal")
        file.flush()
        assert next(seen) == "whole"
        file.write("f\n")
        file.flush()
        assert next(seen) == "half"
    os.truncate(path, 0)
    with path.open("a") as file:
        file.write("anew\n")
    assert next(seen) == "anew"
