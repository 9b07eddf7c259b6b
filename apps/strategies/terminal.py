"""A progress bar for commands that wait for the broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from apps.strategies.progress import Progress


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """On stderr, and only where a person watches: stdout carries the result alone."""
    console = Console(stderr=True)
    with rich_progress.Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("asking the broker", total=None)

        def show(done: int, total: int, text: str) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield show
