"""The secrets of a fresh installation: made once, readable by their owner alone."""

from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key

from tradeops.processes.postgres import write_private


def load_or_create_secret_key(folder: Path) -> str:
    return load_or_create(folder / "secret_key", get_random_secret_key)


def load_or_create_fernet_key(folder: Path) -> str:
    return load_or_create(folder / "fernet_key", lambda: Fernet.generate_key().decode())


def load_or_create(path: Path, generate: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, generate())
    return path.read_text().strip()
