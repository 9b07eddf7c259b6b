"""What becomes of a log file that has been rotated: compressed, kept for a while, removed.

Archives of the newest 30 days are kept, and of one day the newest 5, so that neither a quiet year nor a noisy hour
decides how much of the disk the logs take.
"""

from __future__ import annotations

import fcntl
import gzip
import re
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

DAYS_KEPT = 30
KEPT_OF_A_DAY = 5
MODE = 0o640

STAMP = "%Y-%m-%dT%H%M%S.%fZ"
STAMP_PATTERN = r"\.(\d{4}-\d\d-\d\d)T\d{6}\.\d{6}Z"


def archive_name(path: Path, written_ns: int) -> Path:
    """By the time of its last line, so that an archive lies under the day that it tells of."""
    microseconds = written_ns // 1000
    while True:
        moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC).replace(microsecond=microseconds % 1_000_000)
        name = path.with_name(f"{path.name}.{moment.strftime(STAMP)}")
        if not name.exists() and not name.with_name(name.name + ".gz").exists():
            return name
        microseconds += 1


def archives(path: Path) -> list[Path]:
    """Rotated files of `path`, compressed or about to be, oldest first."""
    pattern = re.compile(re.escape(path.name) + STAMP_PATTERN + r"(\.gz)?")
    return sorted(found for found in path.parent.iterdir() if pattern.fullmatch(found.name))


def tidy(path: Path) -> None:
    """Compress what is rotated and remove what is too old. Several processes may do so at once."""
    with suppress(FileNotFoundError):
        for archive in archives(path):
            if archive.suffix != ".gz":
                compress(archive)
        for archive in superfluous(archives(path)):
            archive.unlink(missing_ok=True)


def compress(archive: Path) -> None:
    """Under the lock that every writer needs: a line of a late writer cannot fall between copy and removal."""
    try:
        with archive.open("rb") as source:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not archive.exists():
                return
            draft = archive.with_name(archive.name + ".new")
            with gzip.open(draft, "wb", compresslevel=6) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            draft.chmod(MODE)
            draft.replace(archive.with_name(archive.name + ".gz"))
            archive.unlink()
    except (BlockingIOError, FileNotFoundError):
        return  # a writer is frozen in its last line, or another process compresses it: the next rotation looks again


def superfluous(oldest_first: list[Path]) -> list[Path]:
    """Beyond the newest 30 days that have any, and beyond the newest 5 of a day."""
    by_day: dict[str, list[Path]] = {}
    for archive in oldest_first:
        found = re.search(STAMP_PATTERN, archive.name)
        by_day.setdefault(found.group(1) if found else "", []).append(archive)
    days = sorted(by_day)
    too_old = [archive for day in days[:-DAYS_KEPT] for archive in by_day[day]]
    return too_old + [archive for day in days[-DAYS_KEPT:] for archive in by_day[day][:-KEPT_OF_A_DAY]]
