"""What the account holds and what may still be filled, in its own currency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Exists, OuterRef

from apps.broker import selectors as broker_state
from apps.broker.choices import OrderPurpose, OrderState, Side
from apps.broker.domain.orders import AT_RISK, CLOSING, OPEN
from apps.broker.models import Account, BrokerOrder, Execution, Instrument, Order, Position
from apps.risk.domain.facts import OPTIONS, Holding, OpenOrder
from tradeops.lib.known import Known, Unknown

# A fill reaches the ledger and the position by different messages; so long it counts until the position shows it.
SETTLING = timedelta(seconds=10)
NOT_OPEN = [OrderState.PROPOSED, OrderState.FILLED, OrderState.REJECTED]
ZERO = Decimal(0)


@dataclass
class Book:
    """Reads of one account within one transaction; rates are looked up once."""

    account: Account

    def __post_init__(self) -> None:
        self._rates: dict[str, Known[Decimal] | Unknown] = {}
        self._positions: dict[int, Position | None] = {}

    def rate(self, currency: str, now: datetime) -> Known[Decimal] | Unknown:
        """Turns an amount of `currency` into the account's."""
        if currency not in self._rates:
            self._rates[currency] = self._rate(currency, now)
        return self._rates[currency]

    def _rate(self, currency: str, now: datetime) -> Known[Decimal] | Unknown:
        if not self.account.base_currency:
            return Unknown(f"the base currency of account {self.account.code} is not known yet")
        if currency == self.account.base_currency:
            return Known(Decimal(1), now)
        found = broker_state.account_value(self.account.code, "ExchangeRate", currency)
        if isinstance(found, Known) and found.value <= 0:
            return Unknown(f"the broker states an exchange rate of {found.value:f} for {currency}")
        return found

    def holdings(self, now: datetime) -> Known[tuple[Holding, ...]] | Unknown:
        known = broker_state.positions(self.account.code)
        if isinstance(known, Unknown):
            return known
        return Known(tuple(self._holding(row, now) for row in known.value), known.as_of)

    def _holding(self, row: Position, now: datetime) -> Holding:
        rate = self.rate(row.instrument.currency, now)
        if row.market_value is None or isinstance(rate, Unknown):
            return Holding(row.instrument.con_id, row.quantity, None)
        value = row.market_value * rate.value
        if row.instrument.sec_type not in OPTIONS or row.quantity >= 0:
            return Holding(row.instrument.con_id, row.quantity, value)
        owed = self._value(row.instrument, -row.quantity, row.instrument.strike, now)
        return Holding(row.instrument.con_id, row.quantity, value if owed is not None else None, owed or ZERO)

    def open_orders(self, now: datetime, *, besides: UUID | None = None) -> tuple[OpenOrder, ...]:
        """Of the ledger, of the broker where the ledger does not know them, and fills that still settle."""
        rows = Order.objects.filter(account=self.account, state__in=sorted(AT_RISK)).select_related(
            "instrument", "parent"
        )
        ledger = [row for row in rows if row.pk != besides]
        others = self._unknown_to_ledger()
        self._look_up([*(row.instrument_id for row in ledger), *(row.instrument_id for row in others)])
        return (
            *(self._from_ledger(row, now) for row in ledger),
            *(self._from_broker(row, now) for row in others),
            *self._settling(now),
        )

    def given_lately(self, since: datetime, *, besides: UUID | None = None) -> tuple[OpenOrder, ...]:
        """Orders that wait for approval, were filled or refused by the broker."""
        rows = Order.objects.filter(account=self.account, state__in=NOT_OPEN, created_at__gt=since)
        known = [row for row in rows.select_related("instrument", "parent") if row.pk != besides]
        self._look_up(row.instrument_id for row in known)
        return tuple(self._from_ledger(row, since) for row in known)

    def _from_ledger(self, row: Order, now: datetime) -> OpenOrder:
        remaining = max(ZERO, row.quantity - row.filled_quantity)
        if row.purpose in CLOSING and row.parent is not None:
            # What its parent has not bought yet it does not close of what is held.
            remaining = max(ZERO, remaining - parent_remaining(row.parent))
        price = self._price(row.instrument, Side(row.side), row.limit_price, row.stop_price, row.reference_price)
        return OpenOrder(
            con_id=row.instrument.con_id,
            side=Side(row.side),
            remaining=remaining,
            purpose=OrderPurpose(row.purpose),
            created_at=row.created_at,
            price=row.limit_price,
            stop_price=row.stop_price,
            value=self._value(row.instrument, remaining, price, now),
            oca_group=row.oca_group,
            quantity=row.quantity,
            right=row.instrument.right,
            is_collared=row.is_collared,
        )

    def _unknown_to_ledger(self) -> list[BrokerOrder]:
        in_ledger = Exists(Order.objects.filter(perm_id=OuterRef("perm_id")))
        rows = BrokerOrder.objects.filter(~in_ledger, account=self.account, is_open=True)
        references = list(rows.values_list("order_ref", flat=True))
        own = {str(pk) for pk in Order.objects.filter(pk__in=_uuids(references)).values_list("pk", flat=True)}
        return [row for row in rows.select_related("instrument") if row.order_ref not in own]

    def _from_broker(self, row: BrokerOrder, now: datetime) -> OpenOrder:
        """Nobody said what it is for: it counts as an entry."""
        price = self._price(row.instrument, Side(row.side), row.limit_price, row.aux_price)
        return OpenOrder(
            con_id=row.instrument.con_id,
            side=Side(row.side),
            remaining=row.remaining,
            purpose=OrderPurpose.ENTRY,
            created_at=row.first_seen_at,
            price=row.limit_price,
            value=self._value(row.instrument, row.remaining, price, now),
            oca_group=row.oca_group,
            quantity=row.quantity,
            right=row.instrument.right,
        )

    def _settling(self, now: datetime) -> Iterator[OpenOrder]:
        rows = Execution.objects.filter(account=self.account, is_current=True, as_of__gt=now - SETTLING)
        moved = list(rows.select_related("instrument"))
        self._look_up(row.instrument_id for row in moved)
        settling = [row for row in moved if not self._is_in_position(row)]
        orders = Order.objects.in_bulk(_uuids([row.order_ref for row in settling]))
        for row in settling:
            side = Side(row.side)
            order = next((orders[pk] for pk in _uuids([row.order_ref]) if pk in orders), None)
            yield OpenOrder(
                con_id=row.instrument.con_id,
                side=side,
                remaining=row.quantity,
                purpose=OrderPurpose(order.purpose) if order else OrderPurpose.ENTRY,
                created_at=row.executed_at,
                price=row.price,
                value=self._value(row.instrument, row.quantity, self._price(row.instrument, side, row.price), now),
                quantity=row.quantity,
                is_settling=True,
                right=row.instrument.right,
            )

    def _is_in_position(self, row: Execution) -> bool:
        position = self._position(row.instrument_id)
        return position is not None and position.as_of >= row.as_of

    def _position(self, instrument_id: int) -> Position | None:
        self._look_up([instrument_id])
        return self._positions[instrument_id]

    def _look_up(self, instrument_ids: Iterable[int]) -> None:
        """Only what is asked about: of every instrument that was ever held a row stays."""
        wanted = set(instrument_ids) - self._positions.keys()
        if wanted:
            rows = Position.objects.filter(account=self.account, instrument_id__in=wanted)
            self._positions |= dict.fromkeys(wanted) | {row.instrument_id: row for row in rows}

    def _price(self, instrument: Instrument, side: Side, *stated: Decimal | None) -> Decimal | None:
        """The dearest that is known, so that no order seems cheap; of a written option at least the strike."""
        if side is Side.SELL and instrument.sec_type in OPTIONS:
            if instrument.strike is None:
                return None
            stated = (*stated, instrument.strike)
        position = self._position(instrument.pk)
        known = [price for price in (*stated, position.market_price if position else None) if price]
        return max(known, default=None)

    def _value(self, instrument: Instrument, quantity: Decimal, price: Decimal | None, now: datetime) -> Decimal | None:
        rate = self.rate(instrument.currency, now)
        if not quantity:
            return ZERO
        if price is None or isinstance(rate, Unknown):
            return None
        return quantity * price * instrument.multiplier / instrument.price_magnifier * rate.value


def parent_remaining(parent: Order) -> Decimal:
    """What a parent may still fill."""
    return max(ZERO, parent.quantity - parent.filled_quantity) if parent.state in OPEN else ZERO


def _uuids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
