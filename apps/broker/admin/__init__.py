"""The broker's picture, and the ledger that was kept of it. Orders and emergency actions have pages of their own."""

from apps.broker.admin import ledger, mirror, payments

__all__ = ["ledger", "mirror", "payments"]
