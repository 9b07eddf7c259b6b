"""The order reference at the broker: of our own orders it is the id in the ledger."""

from __future__ import annotations

from uuid import UUID


def order_id_of(reference: str) -> UUID | None:
    """The ledger's order behind a reference at the broker; None for a reference that is not ours."""
    try:
        return UUID(reference)
    except ValueError:
        return None
