"""Positions and their prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from apps.broker.gateway.changes import Snapshot
from apps.broker.gateway.rows import PositionRow
from apps.broker.models import Position

POSITION_FIELDS = ("quantity", "average_cost", "as_of")
PRICE_FIELDS = ("market_price", "market_value", "unrealized_pnl", "price_source", "priced_at")


def write_positions(rows: Iterable[PositionRow], accounts: Mapping[str, int], instruments: Mapping[int, int]) -> None:
    """A closed position is worth nothing; prices of an open one change only where the broker stated them."""
    groups: defaultdict[tuple[str, ...], list[Position]] = defaultdict(list)
    for row in rows:
        item = Position(
            account_id=accounts[row.account],
            instrument_id=instruments[row.instrument.con_id],
            realized_pnl=row.realized_pnl,
            **{name: getattr(row, name) for name in POSITION_FIELDS + PRICE_FIELDS},
        )
        fields = POSITION_FIELDS + (PRICE_FIELDS if row.priced_at is not None else ())
        if row.realized_pnl is not None:
            fields += ("realized_pnl",)
        if row.quantity == 0 and row.priced_at is None:
            item.market_value = item.unrealized_pnl = Decimal(0)
            fields += ("market_value", "unrealized_pnl")
        groups[fields].append(item)
    for fields, items in groups.items():
        Position.objects.bulk_create(
            items, update_conflicts=True, unique_fields=["account", "instrument"], update_fields=fields
        )


def close_absent_positions(snapshot: Snapshot, accounts: Sequence[int]) -> None:
    open_now = (
        Position.objects.filter(account_id__in=accounts).exclude(quantity=0).select_related("account", "instrument")
    )
    absent = [item.id for item in open_now if (item.account.code, item.instrument.con_id) not in snapshot.positions]
    Position.objects.filter(id__in=absent).update(quantity=0, market_value=0, unrealized_pnl=0, as_of=snapshot.as_of)
