"""A text column that the database only ever sees sealed."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class Unreadable(str):
    """A sealed text whose key is not among FERNET_KEYS. Saving it again keeps it as it was."""

    __slots__ = ()


class EncryptedTextField(models.TextField):  # type: ignore[type-arg] # not subscriptable
    """Sealed with the first of FERNET_KEYS, opened with any of them. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        if not text or isinstance(value, Unreadable):
            return text
        return keyring().encrypt(text.encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        if not value:
            return value
        try:
            return keyring().decrypt(value.encode()).decode()
        except InvalidToken:
            return Unreadable(value)


def keyring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FERNET_KEYS])
