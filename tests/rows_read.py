"""How many rows of a table some code reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_init


@contextmanager
def rows_read(model: type[Model]) -> Iterator[list[Model]]:
    """The list grows with each row that becomes an object."""
    made: list[Model] = []

    def note(instance: Model, **kwargs: Any) -> None:
        made.append(instance)

    post_init.connect(note, sender=model)
    try:
        yield made
    finally:
        post_init.disconnect(note, sender=model)
