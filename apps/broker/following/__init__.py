"""The ledger follows the mirror: what the broker says of an order becomes its state.

`follow` is called inside the transaction that stores what the broker said, after it was stored, so that table and
ledger never disagree.
"""

from apps.broker.following.following import follow

__all__ = ["follow"]
