"""Query parameters, read strictly: what is wrong is named."""

from __future__ import annotations

import math

from django.http import HttpRequest


class BadParameter(Exception):
    """The text names the parameter, what was given and what is allowed."""


def read_integer(request: HttpRequest, name: str, default: int, *, low: int, high: int) -> int:
    text = request.GET.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20 else None
    if number is None or not low <= number <= high:
        raise BadParameter(f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}.")
    return number


def read_float(request: HttpRequest, name: str, default: float, *, low: float, high: float) -> float:
    text = request.GET.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:  # also refuses NaN
        raise BadParameter(f"{name} must be a number from {low} to {high}, not {text[:40]!r}.")
    return number
