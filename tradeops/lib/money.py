"""The units in which exchanges quote prices."""

PENCE = "GBX"


def price_unit(currency: str, magnifier: int) -> str:
    """`GBX` for a line in GBP that is quoted in pence, the currency itself where prices are in whole units."""
    if magnifier == 1:
        return currency
    return PENCE if (currency, magnifier) == ("GBP", 100) else f"{currency}/{magnifier}"
