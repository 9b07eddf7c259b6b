"""Tables and colours for management commands."""

from __future__ import annotations

from io import StringIO

from django.core.management.base import OutputWrapper
from rich.console import Console, RenderableType

PLAIN_WIDTH = 160


def show(stream: OutputWrapper, *parts: RenderableType) -> None:
    """Write rich renderables: in colour and fitted on a terminal, plain and wide into a pipe or a file."""
    terminal = stream.isatty()
    width = None if terminal else PLAIN_WIDTH
    text = StringIO()
    console = Console(file=text, force_terminal=terminal, width=width)
    for part in parts:
        console.print(part)
    stream.write(text.getvalue(), ending="")
