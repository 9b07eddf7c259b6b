"""Every request kind has one function that answers it. Importing the package registers them all."""

from . import accounts, contracts, exercise, history, market_data, news, options, orders, scanner, system

__all__ = [
    "accounts",
    "contracts",
    "exercise",
    "history",
    "market_data",
    "news",
    "options",
    "orders",
    "scanner",
    "system",
]
