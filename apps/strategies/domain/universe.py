"""The nine US sector funds listed in London, and how their lines are recognised."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

EXCHANGE = "LSEETF"
LONDON = frozenset({"LSEETF", "LSE", "LSEIOB1", "BATSUK", "TRQXUK", "CHIXUK", "AQSEUK"})
# Names of no place: they say nothing against London.
ROUTERS = frozenset({"", "SMART", "IBEOS", "IBIS_SMART"})
VENDOR_SUFFIX = ".L"


@dataclass(frozen=True, slots=True)
class Fund:
    """One fund has a line in dollars and one in pence, which London lists under another symbol."""

    symbol: str
    sterling_symbol: str
    sector: str


SECTOR_FUNDS = (
    Fund("SXLK", "GXLK", "Technology"),
    Fund("SXLF", "GXLF", "Financials"),
    Fund("SXLE", "GXLE", "Energy"),
    Fund("SXLV", "GXLV", "Health Care"),
    Fund("SXLY", "GXLY", "Consumer Discretionary"),
    Fund("SXLP", "GXLP", "Consumer Staples"),
    Fund("SXLI", "GXLI", "Industrials"),
    Fund("SXLB", "GXLB", "Materials"),
    Fund("SXLU", "GXLU", "Utilities"),
)
SECTORS = {fund.symbol: fund.sector for fund in SECTOR_FUNDS}
_SIGNAL_SYMBOLS = {name: fund.symbol for fund in SECTOR_FUNDS for name in (fund.symbol, fund.sterling_symbol)}


def signal_symbol(name: str) -> str | None:
    """The symbol under which the signal knows a line: SXLK for SXLK, SXLK.L, GXLK and gxlk.l; None for others."""
    return _SIGNAL_SYMBOLS.get(name.strip().upper().removesuffix(VENDOR_SUFFIX))


def recognise(*, symbol: str, sec_type: str, exchanges: Collection[str]) -> str | None:
    """The fund that is held, whichever its currency; None for anything else, an option on the fund included."""
    places = {exchange.upper() for exchange in exchanges} - ROUTERS
    if sec_type != "STK" or (places and not places & LONDON):
        return None
    return signal_symbol(symbol)
