"""Every request kind has one function that answers it. Importing the package registers them all."""

from . import accounts, contracts, market_data, orders, system

__all__ = ["accounts", "contracts", "market_data", "orders", "system"]
