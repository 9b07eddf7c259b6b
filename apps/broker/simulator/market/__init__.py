"""What exists, what it costs now and what it has cost."""

from .catalogue import MARKET_RULES
from .market import Market
from .state import MarketState

__all__ = ["MARKET_RULES", "Market", "MarketState"]
