"""Deriving trades from executions: anew for one instrument of one account, as far back as something changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from apps.broker.choices import HoldingChangeKind, TradeDirection
from apps.broker.domain.trades import Pairing, RoundTrip, pair
from apps.broker.fills import UNTRADED_TYPES, read_fills
from apps.broker.models import (
    Account,
    Closing,
    Execution,
    HoldingChange,
    Instrument,
    Trade,
    UnmatchedClosing,
)
from apps.broker.rates import Rates
from apps.broker.services.pairing_checkpoints import last_carried, store_midnights
from apps.journal import services as journal
from tradeops.lib import clock

# One after the other per instrument and account, whoever derives.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('broker_trades', 0) # hashtextextended(%s, 1))"
CENT_FRACTION = Decimal("0.0001")
EIGHT_DIGITS = Decimal("1e-8")
UPDATED = [
    *("direction", "strategy", "opened_at", "closed_at", "quantity", "open_quantity", "entry_price", "exit_price"),
    *("gross_pnl", "commissions", "net_pnl", "currency", "commissions_known", "net_pnl_base", "base_currency"),
    *("exchange_rate", "ending", "updated_at"),
]
DERIVED = (
    *("trade_id", "entry_order", "exit_order", "opened_at", "closed_at", "quantity", "entry_value", "exit_value"),
    *("commission", "net", "commissions_known", "exchange_rate", "net_base"),
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How the stored trades of an instrument differed from what its executions tell."""

    account: str
    instrument: str
    before: int
    after: int
    changed: int


@transaction.atomic
def derive_trades(*, account_id: int, instrument_id: int, since: datetime | None = None) -> None:
    """Bring the trades to what executions and holding changes tell. `since`: nothing before it has changed.

    What was closed before the last midnight that is stored ahead of it stays untouched; None derives everything.
    """
    instrument = Instrument.objects.get(pk=instrument_id)
    if instrument.sec_type in UNTRADED_TYPES:
        return
    account = Account.objects.get(pk=account_id)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"{account_id}:{instrument_id}"])
    carried = last_carried(account_id, instrument_id, since)
    midnight = carried.at if carried else None
    fills = read_fills(account, instrument, midnight)
    pairing = pair(fills, instrument.multiplier / instrument.price_magnifier, carried)
    _store(account, instrument, carried.number if carried else 0, midnight, pairing.trips)
    _store_unmatched(account, instrument, midnight, pairing)
    store_midnights(account_id, instrument_id, midnight, pairing.midnights)


def _store(
    account: Account, instrument: Instrument, number: int, midnight: datetime | None, trips: list[RoundTrip]
) -> None:
    """The trades after the first `number`. Written is what differs: of many a fill changes one or two."""
    rates = Rates(account, {instrument.currency}, midnight)
    rows = [_trade(account, instrument, place, trip, rates) for place, trip in enumerate(trips, start=number + 1)]
    old = Trade.objects.filter(account=account, instrument=instrument, number__gt=number)
    old.filter(number__gt=number + len(rows)).delete()
    known = {row.number: row for row in old}
    Trade.objects.bulk_create(
        [row for row in rows if row.number not in known or _told(row) != _told(known[row.number])],
        update_conflicts=True, unique_fields=["account", "instrument", "number"], update_fields=UPDATED,
    )  # fmt: skip
    stored = list(old.order_by("number"))
    pairs = zip(stored, trips, strict=True)
    _store_closings(stored, midnight, [row for trade, trip in pairs for row in _closings(trade, trip, rates)])


def _told(trade: Trade) -> list[object]:
    return [getattr(trade, name) for name in UPDATED if name != "updated_at"]


def _store_closings(trades: list[Trade], midnight: datetime | None, rows: list[Closing]) -> None:
    derived = {tuple(getattr(row, name) for name in DERIVED): row for row in rows}
    known = Closing.objects.filter(trade__in=trades)
    known = known.filter(closed_at__gte=midnight) if midnight else known
    kept: set[tuple[object, ...]] = set()
    wrong: list[int] = []
    for pk, *values in known.order_by().values_list("pk", *DERIVED):
        if tuple(values) in derived and tuple(values) not in kept:
            kept.add(tuple(values))
        else:
            wrong.append(pk)
    Closing.objects.filter(pk__in=wrong).delete()
    Closing.objects.bulk_create(row for values, row in derived.items() if values not in kept)


def _store_unmatched(account: Account, instrument: Instrument, midnight: datetime | None, pairing: Pairing) -> None:
    old = UnmatchedClosing.objects.filter(account=account, instrument=instrument)
    (old.filter(at__gte=midnight) if midnight else old).delete()
    UnmatchedClosing.objects.bulk_create(
        UnmatchedClosing(account=account, instrument=instrument, at=lost.at, quantity=lost.quantity)
        for lost in pairing.unmatched
    )


def _trade(account: Account, instrument: Instrument, number: int, trip: RoundTrip, rates: Rates) -> Trade:
    ended_at = trip.closed_at or trip.last_closing_at
    rate = rates.at(instrument.currency, ended_at) if ended_at else None
    return Trade(
        account=account,
        instrument=instrument,
        number=number,
        direction=TradeDirection.LONG if trip.is_long else TradeDirection.SHORT,
        strategy=_strategy(trip),
        opened_at=trip.opened_at,
        closed_at=trip.closed_at,
        quantity=trip.quantity,
        open_quantity=trip.open_quantity,
        entry_price=round(trip.entry_price, 8),
        exit_price=_rounded(trip.exit_price),
        gross_pnl=_rounded(trip.gross, CENT_FRACTION),
        commissions=trip.commission.quantize(CENT_FRACTION),
        net_pnl=_rounded(trip.net, CENT_FRACTION),
        currency=instrument.currency,
        commissions_known=trip.commissions_known and (trip.closed_at is not None or trip.all_paid),
        net_pnl_base=_rounded(_converted(trip.net, rate), CENT_FRACTION),
        base_currency=account.base_currency,
        exchange_rate=rate,
        ending=trip.ending,
        updated_at=clock.now(),
    )


def _closings(trade: Trade, trip: RoundTrip, rates: Rates) -> Iterable[Closing]:
    for closing in trip.closings.values():
        rate = rates.at(trade.currency, closing.closed_at)
        yield Closing(
            trade=trade,
            entry_order=closing.entry_order,
            exit_order=closing.exit_order,
            opened_at=closing.opened_at,
            closed_at=closing.closed_at,
            quantity=closing.quantity,
            entry_value=round(closing.entry_value, 8),
            exit_value=_rounded(closing.exit_value),
            commission=round(closing.commission, 8),
            net=_rounded(closing.net),
            commissions_known=closing.commission_known,
            exchange_rate=rate,
            net_base=_rounded(_converted(closing.net, rate)),
        )


def _converted(amount: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return None if amount is None or rate is None else amount * rate


def _rounded(amount: Decimal | None, unit: Decimal = EIGHT_DIGITS) -> Decimal | None:
    return None if amount is None else amount.quantize(unit)


def _strategy(trip: RoundTrip) -> str:
    """Whose orders opened most of it."""
    return max(trip.opened, key=lambda name: (trip.opened[name], name), default="")


def traded_instruments(symbol: str = "") -> list[tuple[int, int]]:
    """Accounts and instruments, by primary key, of which executions are known."""
    rows = Execution.objects.exclude(instrument__sec_type__in=UNTRADED_TYPES)
    rows = rows.filter(instrument__symbol=symbol) if symbol else rows
    return list(rows.order_by("account_id", "instrument_id").values_list("account_id", "instrument_id").distinct())


@transaction.atomic
def rebuild_trades(*, account_id: int, instrument_id: int, dry_run: bool = False) -> Rebuilt:
    """Derive all trades of the instrument anew and say what was wrong; with `dry_run` nothing is changed."""
    savepoint = transaction.savepoint()
    before = _picture(account_id, instrument_id)
    derive_trades(account_id=account_id, instrument_id=instrument_id)
    after = _picture(account_id, instrument_id)
    if dry_run:
        transaction.savepoint_rollback(savepoint)
    different = {row[0] for row in set(before) ^ set(after)}
    account, instrument = Account.objects.get(pk=account_id), Instrument.objects.get(pk=instrument_id)
    return Rebuilt(account.code, str(instrument), len(before), len(after), len(different))


def _picture(account_id: int, instrument_id: int) -> list[tuple[object, ...]]:
    rows = Trade.objects.filter(account_id=account_id, instrument_id=instrument_id).order_by("number")
    return list(rows.values_list("number", *(name for name in UPDATED if name != "updated_at")))


@transaction.atomic
def book_holding_change(
    *,
    account: Account,
    instrument: Instrument,
    kind: HoldingChangeKind,
    quantity: Decimal,
    at: datetime,
    reason: str,
    price: Decimal | None = None,
    actor: str = "",
) -> HoldingChange:
    """Write down what no execution tells, and derive the trades from it. The same change twice is one."""
    row, is_new = HoldingChange.objects.get_or_create(
        account=account,
        instrument=instrument,
        kind=kind,
        **({} if kind is HoldingChangeKind.OPENING else {"at": at, "reason": reason[:500]}),
        defaults={"at": at, "quantity": quantity, "price": price, "reason": reason[:500], "actor": actor},
    )
    if is_new:
        derive_trades(account_id=account.pk, instrument_id=instrument.pk, since=at)
        if quantity:
            journal.record(
                step="Trades",
                message=f"{account} {row}: {reason}",
                scope="broker",
                symbol=instrument.symbol,
                actor=actor,
            )
    return row
