"""The secrets of a fresh installation: made once, readable by their owner alone."""

from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from tradeops.processes.postgres import write_private


def load_or_create_secret_key(folder: Path) -> str:
    return load_or_create(folder / "secret_key", get_random_secret_key)


def load_or_create_fernet_key(folder: Path) -> str:
    return load_or_create(folder / "fernet_key", lambda: Fernet.generate_key().decode())


def check_fernet_keys(keys: list[str]) -> list[str]:
    """The keys. Raises ImproperlyConfigured, which never repeats one."""
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(
                f"FERNET_KEYS: key {number} is not 32 bytes in URL-safe base64. Make one with: python -c "
                "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            ) from None
    return keys


def load_or_create(path: Path, generate: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, generate())
    return path.read_text().strip()
