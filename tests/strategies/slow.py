"""The signal once more: exact fractions, counting and trying instead of sorting. Shares no code with the product."""

from __future__ import annotations

from fractions import Fraction


def momentum(month_ends: list[str]) -> Fraction:
    """The product of the twelve monthly returns that end before the latest one."""
    prices = [Fraction(text) for text in month_ends]
    returns = [prices[place] / prices[place - 1] - 1 for place in range(1, len(prices))]
    product = Fraction(1)
    for each in returns[-13:-1]:
        product *= 1 + each
    return product - 1


def ranks(momenta: dict[str, Fraction]) -> dict[str, int]:
    """One more than the number of funds that are better, or as good with an earlier symbol."""
    return {
        symbol: 1 + sum(1 for other, value in momenta.items() if value > mine or (value == mine and other < symbol))
        for symbol, mine in momenta.items()
    }


def weights(
    prices: dict[str, list[str]],
    *,
    top_n: int,
    floor: str,
    held: set[str],
    exit_rank: int | None,
    cash_when_fewer: bool,
) -> dict[str, Fraction]:
    """`exit_rank` None: no hysteresis."""
    momenta = {symbol: momentum(month_ends) for symbol, month_ends in prices.items()}
    rank = ranks(momenta)
    places: list[str] = []
    for wanted in range(1, len(prices) + 1):
        [symbol] = [name for name in rank if rank[name] == wanted]
        stays = exit_rank is not None and symbol in held and wanted <= exit_rank
        if stays and momenta[symbol] >= Fraction(floor) and len(places) < top_n:
            places.append(symbol)
    for wanted in range(1, top_n + 1):
        for name in rank:
            free = len(places) < top_n and name not in places
            if rank[name] == wanted and free and momenta[name] >= Fraction(floor):
                places.append(name)
    share = Fraction(1, top_n) if cash_when_fewer else Fraction(1, max(1, len(places)))
    return {symbol: share if symbol in places else Fraction(0) for symbol in prices}
