"""How far a long piece of work has come: done, total, what is being done."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]


def unseen(done: int, total: int, text: str) -> None:
    """For work that nobody watches."""
