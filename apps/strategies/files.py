"""The rebalance report as a text file beside the logs, for whoever reads those."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path

from django.conf import settings


def report_path(day: date) -> Path:
    return Path(settings.VAR_DIR) / "logs" / f"rebalance_{day}.txt"


def write_report(*, day: date, text: str) -> Path:
    """Whole or not at all: a reader sees the report of before or this one. Raises OSError."""
    path = report_path(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o640)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
