"""What exists, what it costs now and what it has cost."""

from .catalogue import MARKET_RULES
from .market import Market

__all__ = ["MARKET_RULES", "Market"]
