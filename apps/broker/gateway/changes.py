"""What is not yet in the tables. The last word per key wins; executions are all kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from apps.broker.gateway.rows import (
    CommissionRow,
    EquityRow,
    ExecutionRow,
    InstrumentRow,
    OrderRow,
    PnlRow,
    PositionRow,
    ValueRow,
)

# Samples for a chart: those beyond some hours without a database are not worth the memory.
MOST_EQUITY_POINTS = 10_000


@dataclass(slots=True)
class Changes:
    instruments: dict[int, InstrumentRow] = field(default_factory=dict)
    values: dict[tuple[str, str, str], ValueRow] = field(default_factory=dict)
    pnl: dict[str, PnlRow] = field(default_factory=dict)
    equity: list[EquityRow] = field(default_factory=list)
    positions: dict[tuple[str, int], PositionRow] = field(default_factory=dict)
    orders: dict[int, OrderRow] = field(default_factory=dict)
    executions: dict[str, ExecutionRow] = field(default_factory=dict)
    commissions: dict[str, CommissionRow] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)

    def put_position(self, row: PositionRow) -> None:
        """A row without prices keeps the prices of the row that waits, unless it says that the position is closed."""
        waiting = self.positions.get(row.key)
        if waiting is not None and row.realized_pnl is None:
            row = replace(row, realized_pnl=waiting.realized_pnl)
        if waiting is not None and waiting.priced_at is not None and row.priced_at is None and row.quantity != 0:
            row = replace(waiting, quantity=row.quantity, average_cost=row.average_cost, as_of=row.as_of)
        self.positions[row.key] = row

    def put_back(self, older: Changes) -> None:
        """Take back what could not be written; what came since is newer."""
        for name in ("instruments", "values", "pnl", "orders", "executions", "commissions"):
            setattr(self, name, getattr(older, name) | getattr(self, name))
        newer, self.positions = self.positions, older.positions
        for row in newer.values():
            self.put_position(row)
        self.equity = (older.equity + self.equity)[-MOST_EQUITY_POINTS:]

    def pieces(self) -> Iterator[Changes]:
        """The same, one row at a time; instruments and executions before what refers to them."""
        for name in ("instruments", "values", "pnl", "positions", "orders", "executions", "commissions"):
            for key, row in getattr(self, name).items():
                piece = Changes()
                getattr(piece, name)[key] = row
                yield piece
        for point in self.equity:
            yield Changes(equity=[point])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole picture at `as_of`: what it does not name is closed. `completed` by permId tells how orders ended."""

    as_of: datetime
    accounts: tuple[str, ...]
    positions: dict[tuple[str, int], PositionRow]
    open_orders: dict[int, OrderRow]
    completed: dict[int, OrderRow]
    executions: dict[str, ExecutionRow]
    commissions: dict[str, CommissionRow]
    values: dict[tuple[str, str, str], ValueRow]
