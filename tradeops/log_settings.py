"""Django's LOGGING: which file tells what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Beside app.log, which has everything: what the scheduler does, what passes between TradeOps and the broker, what was
# captured to learn from.
SCHEDULER = ("apps.jobs", "apps.journal.jobs", "django-q")
BROKER = ("apps.broker", "apps.journal.broker", "ib_async")
SNAPSHOTS = ("apps.snapshots", "apps.journal.snapshots")
QUIET = {"ib_async": "WARNING", "django-q": "WARNING", "daphne": "WARNING", "django.request": "ERROR"}
# Below this level both write the addresses of notice channels.
QUIET |= {"urllib3": "WARNING", "apprise": "WARNING"}


def log_settings(*, folder: Path, app_log: Path, level: str, secrets: Sequence[str]) -> dict[str, Any]:
    """`secrets` are hidden wherever they appear. A file exists once something has been written to it."""
    loggers: dict[str, dict[str, Any]] = {name: {"level": quiet} for name, quiet in QUIET.items()}
    for handler, names in (("scheduler", SCHEDULER), ("broker", BROKER), ("learning", SNAPSHOTS)):
        for name in names:
            loggers.setdefault(name, {})["handlers"] = [handler]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "tradeops.lib.logs.OneLineFormatter", "secrets": tuple(secrets)}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line"},
            "app": rotated(app_log),
            "scheduler": rotated(folder / "scheduler.log"),
            "broker": rotated(folder / "execution_logger.log"),
            "learning": rotated(folder / "learning.log"),
        },
        "root": {"handlers": ["console", "app"], "level": level},
        "loggers": loggers,
    }


def rotated(path: Path) -> dict[str, Any]:
    return {"class": "tradeops.lib.rotation.RotatedFileHandler", "formatter": "line", "filename": str(path)}
