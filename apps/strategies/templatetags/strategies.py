"""Numbers as the strategy's pages show them."""

from __future__ import annotations

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"


@register.filter
def price(number: Decimal) -> str:
    """At least two decimals."""
    digits = max(2, -int(number.normalize().as_tuple().exponent))
    return f"{number:,.{digits}f}"


@register.filter
def money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


@register.filter
def share(fraction: float) -> str:
    return f"{fraction:.1%}"
