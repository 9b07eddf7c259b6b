"""Which exchange calendar an instrument follows: told from its exchange, else from its currency."""

from __future__ import annotations

CALENDARS = {
    "XNYS": ("NYSE", "ARCA", "AMEX", "NASDAQ", "ISLAND", "BATS", "IEX", "PINK", "CBOE", "CBOE2", "ISE", "BOX", "PHLX"),
    "XLON": ("LSE", "LSEETF"),
    "XETR": ("IBIS", "IBIS2"),
    "XPAR": ("SBF",),
    "XAMS": ("AEB",),
    "XMIL": ("BVME", "BVME.ETF"),
    "XMAD": ("BM",),
    "XSWX": ("EBS",),
    "XSTO": ("SFB",),
    "XTSE": ("TSE",),
    "XTKS": ("TSEJ",),
    "XHKG": ("SEHK",),
    "XASX": ("ASX",),
    "CMES": ("CME", "GLOBEX", "CBOT", "ECBOT", "NYMEX", "COMEX"),
}
BY_EXCHANGE = {exchange: calendar for calendar, exchanges in CALENDARS.items() for exchange in exchanges}
# Where the exchange says nothing (SMART): the currency does, the euro's many exchanges apart.
BY_CURRENCY = {
    "USD": "XNYS",
    "GBP": "XLON",
    "CHF": "XSWX",
    "SEK": "XSTO",
    "CAD": "XTSE",
    "JPY": "XTKS",
    "HKD": "XHKG",
    "AUD": "XASX",
}
FUTURES = frozenset({"FUT", "FOP"})


def calendar_of(*, sec_type: str, primary_exchange: str, exchange: str, currency: str) -> str | None:
    """The code of the calendar in exchange-calendars; None where it cannot be told."""
    named = BY_EXCHANGE.get(primary_exchange) or BY_EXCHANGE.get(exchange)
    return named or (None if sec_type in FUTURES else BY_CURRENCY.get(currency))
