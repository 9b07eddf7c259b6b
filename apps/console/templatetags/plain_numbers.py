from __future__ import annotations

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def plain(value: Decimal | None) -> str:
    """All digits that matter and no more, never an exponent; what is not known is called unknown."""
    return "unknown" if value is None else f"{value.normalize():f}"
