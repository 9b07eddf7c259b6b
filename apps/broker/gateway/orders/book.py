"""The orders that are or may be at the broker, in memory: a kill must know them while the database is away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from apps.broker.choices import OrderPurpose, OrderState
from apps.broker.domain.orders import AT_RISK
from apps.broker.following.following import order_id_of
from apps.broker.following.purposes import guess_purpose
from apps.broker.gateway.orders.subject import Subject, subject_of
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.rows import OrderRow
from apps.broker.models import Order

SENT = sorted(AT_RISK - {OrderState.APPROVED})


class Book:
    def __init__(self) -> None:
        # Until then it does not know what an earlier process sent.
        self.is_read = False
        self._subjects: dict[object, Subject] = {}

    def add(self, subjects: Iterable[Subject]) -> None:
        self._subjects |= {subject.id: subject for subject in subjects}

    def replace(self, subjects: Iterable[Subject], *, keep: Iterable[object] = ()) -> None:
        """`keep`: those that were taken while the tables were read."""
        kept = {key: self._subjects[key] for key in keep if key in self._subjects}
        self.is_read = True
        self._subjects = kept | {subject.id: subject for subject in subjects}

    def __iter__(self) -> Iterator[Subject]:
        return iter(list(self._subjects.values()))

    def subject(self, row: OrderRow, picture: Picture) -> Subject:
        """Of an order that the broker shows; what nobody knows is taken for an entry unless it can only close."""
        known = self._subjects.get(order_id_of(row.order_ref)) or self._by_perm_id(row.perm_id)
        purpose, strategy = (known.purpose, known.strategy) if known else (self._guess(row, picture), "")
        return Subject(
            id=known.id if known else None,
            purpose=purpose,
            account=row.account,
            strategy=strategy,
            con_id=row.instrument.con_id,
            symbol=row.instrument.symbol,
            client_id=row.client_id,
            order_id=row.order_id,
            perm_id=row.perm_id,
        )

    def _by_perm_id(self, perm_id: int) -> Subject | None:
        return next((subject for subject in self._subjects.values() if subject.perm_id == perm_id), None)

    def _guess(self, row: OrderRow, picture: Picture) -> OrderPurpose:
        held = picture.positions.get((row.account, row.instrument.con_id))
        return guess_purpose(row.side, row.quantity, row.order_type, held.quantity if held else Decimal(0))


def read() -> list[Subject]:
    """Synchronous."""
    rows = Order.objects.filter(state__in=SENT).select_related("account", "instrument")
    return [subject_of(order) for order in rows]
