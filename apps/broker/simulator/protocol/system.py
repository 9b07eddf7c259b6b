"""Messages of the connection itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from .messages import Answer
from .times import epoch

Message = Sequence[object]
NO_REQUEST = -1
REJECT_DETAILS_FROM = 166


def error(request_id: int, code: int, text: str, version: int) -> Message:
    message: list[object] = [Answer.ERROR, 2, request_id, code, printable(text)]
    return [*message, ""] if version >= REJECT_DETAILS_FROM else message


def printable(text: str) -> str:
    """ASCII without backslashes: some clients decode error texts with unicode-escape."""
    return "".join(character if " " <= character <= "~" and character != "\\" else "?" for character in text)


def managed_accounts(accounts: Iterable[str]) -> Message:
    return (Answer.MANAGED_ACCOUNTS, 1, "".join(f"{account}," for account in accounts))


def next_valid_id(order_id: int) -> Message:
    return (Answer.NEXT_VALID_ID, 1, order_id)


def current_time(moment: datetime) -> Message:
    return (Answer.CURRENT_TIME, 1, epoch(moment))


def market_rule(rule_id: int, increments: Sequence[tuple[float, float]]) -> Message:
    return [Answer.MARKET_RULE, rule_id, len(increments), *(value for pair in increments for value in pair)]


def table(answer: Answer, head: Sequence[object], rows: Sequence[Sequence[object]]) -> Message:
    """An answer made of a count and equal rows."""
    return [answer, *head, len(rows), *(value for row in rows for value in row)]
