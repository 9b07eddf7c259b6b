"""The signing key of a fresh installation: made once, readable by its owner alone."""

from pathlib import Path

from django.core.management.utils import get_random_secret_key

from tradeops.processes.postgres import write_private


def load_or_create_secret_key(folder: Path) -> str:
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_private(path, get_random_secret_key())
    return path.read_text().strip()
