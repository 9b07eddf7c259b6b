"""The last streamed price of each contract, and the positions valued at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from apps.broker.domain.position_value import StreamedPrice, worth
from apps.broker.gateway.rows import PositionRow

# A price that stands still is told again so often, to show that its line lives.
SIGN_OF_LIFE = timedelta(seconds=5)


class PriceBoard:
    def __init__(self) -> None:
        self._prices: dict[int, StreamedPrice] = {}

    def put(self, con_id: int, price: StreamedPrice) -> bool:
        """True when there is something to tell."""
        told = self._prices.get(con_id)
        if told is not None and price.at - told.at < SIGN_OF_LIFE and replace(price, at=told.at) == told:
            return False
        self._prices[con_id] = price
        return True

    def value(self, row: PositionRow) -> PositionRow:
        """The row at the streamed price, unless what it states itself is the fresher price."""
        price = self._prices.get(row.instrument.con_id)
        if price is None or row.quantity == 0 or not price.outlasts(row.priced_at or row.as_of):
            return row
        money = worth(row.quantity, row.average_cost, price)
        return replace(
            row,
            market_price=price.price,
            market_value=money.market_value,
            unrealized_pnl=money.unrealized_pnl,
            price_source=price.source,
            priced_at=price.at,
        )
