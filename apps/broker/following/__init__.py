"""The ledger follows the mirror: what the broker says of an order becomes its state, executions become trades.

All of it is called inside the transaction that stores what the broker said, after it was stored, so that table and
ledger never disagree.
"""

from apps.broker.following.derived import derive_trades
from apps.broker.following.following import follow
from apps.broker.following.holdings import settle_holdings

__all__ = ["derive_trades", "follow", "settle_holdings"]
