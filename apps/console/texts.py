"""Errors as one short line."""

DETAIL_LENGTH = 200


def short(text: str) -> str:
    return text if len(text) <= DETAIL_LENGTH else text[: DETAIL_LENGTH - 1] + "\u2026"


def one_line(error: Exception) -> str:
    """The first line of a database error, which never holds a password."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
