"""The commands of the control port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ..types import RequestError

if TYPE_CHECKING:
    from ..server import Gateway

Result = Mapping[str, object]
Action = Callable[["Gateway", Sequence[str]], Result]


class CommandError(Exception):
    """The command cannot be carried out; the text says what to do instead."""


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    usage: str
    help: str
    action: Action
    least: int
    most: int


COMMANDS: dict[str, Command] = {}


def command(usage: str, help: str) -> Callable[[Action], Action]:
    """Registers a command. In `usage` words in [brackets] may be left out and "..." allows any number."""

    def register(action: Action) -> Action:
        name, *words = usage.split()
        least = sum(not word.startswith("[") for word in words)
        most = 1000 if usage.endswith("...") or usage.endswith("...]") else len(words)
        COMMANDS[name] = Command(name, usage, help, action, least, most)
        return action

    return register


def execute(gateway: Gateway, words: Sequence[str]) -> Result:
    """CommandError or RequestError if it cannot be done."""
    found = COMMANDS.get(words[0].lower()) if words else None
    if found is None:
        raise CommandError("unknown command; `help` lists them all")
    arguments = words[1:]
    if not found.least <= len(arguments) <= found.most:
        raise CommandError(f"usage: {found.usage}")
    result = found.action(gateway, arguments)
    gateway.settle()
    return result


def command_list() -> str:
    """All commands, one line each."""
    width = max(len(known.usage) for known in COMMANDS.values())
    return "\n".join(["commands:"] + [f"  {known.usage:<{width}}  {known.help}" for known in COMMANDS.values()])


def refused(problem: Exception) -> str:
    return f"{problem.code} {problem.text}" if isinstance(problem, RequestError) else str(problem)


# arguments


def integer(value: str, least: int = 0) -> int:
    try:
        number = int(value)
    except ValueError:
        raise CommandError(f"{value!r} is not a whole number") from None
    if number < least:
        raise CommandError(f"{number} is too small, at least {least}")
    return number


def number(value: str, least: float = 0.0) -> float:
    try:
        result = float(value)
    except ValueError:
        raise CommandError(f"{value!r} is not a number") from None
    if not least <= result < 1e15:
        raise CommandError(f"{value} is out of range, at least {least:g}")
    return result


def quantity(value: str) -> Decimal:
    try:
        result = Decimal(value)
    except InvalidOperation:
        raise CommandError(f"{value!r} is not a quantity") from None
    if not result.is_finite() or result <= 0:
        raise CommandError(f"{value} is not a positive quantity")
    return result


def switch(value: str) -> bool:
    if value.lower() not in ("on", "off"):
        raise CommandError(f"say on or off, not {value!r}")
    return value.lower() == "on"


def side(value: str) -> str:
    if value.upper() not in ("BUY", "SELL"):
        raise CommandError(f"say BUY or SELL, not {value!r}")
    return value.upper()
