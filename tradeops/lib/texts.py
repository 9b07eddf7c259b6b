"""Words that came from outside."""

from __future__ import annotations


def storable(text: str) -> str:
    """What PostgreSQL and UTF-8 can hold of it: no NUL, and no halves of characters, which become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
