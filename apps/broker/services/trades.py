"""Deriving trades from executions: anew for one instrument of one account, as far back as something changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection, transaction

from apps.broker.choices import HoldingChangeKind, TradeDirection
from apps.broker.domain.trades import Pairing, RoundTrip, pair
from apps.broker.fills import UNTRADED_TYPES, Fills, read_fills
from apps.broker.models import (
    Account,
    Closing,
    Execution,
    HoldingChange,
    Instrument,
    Order,
    Trade,
    UnmatchedClosing,
)
from apps.broker.rates import Rates
from apps.journal import services as journal
from tradeops.lib import clock

# One after the other per instrument and account, whoever derives.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('broker_trades', 0) # hashtextextended(%s, 1))"
CENT_FRACTION = Decimal("0.0001")
EIGHT_DIGITS = Decimal("1e-8")
SEARCHED = 100
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

    Trades that were closed before stay untouched; None derives all of them.
    """
    instrument = Instrument.objects.get(pk=instrument_id)
    if instrument.sec_type in UNTRADED_TYPES:
        return
    account = Account.objects.get(pk=account_id)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"{account_id}:{instrument_id}"])
    number, after = _cut(account_id, instrument_id, since) if since else (0, None)
    fills = read_fills(account, instrument, after)
    pairing = pair(fills.fills, instrument.multiplier / instrument.price_magnifier)
    _store(account, instrument, number, pairing.trips, fills)
    _store_unmatched(account, instrument, after, pairing)


def _cut(account_id: int, instrument_id: int, since: datetime) -> tuple[int, datetime | None]:
    """Number and end of the last trade that was over before `since`, with nothing held and nothing opened in that
    same moment: what follows does not depend on what was before."""
    known = Trade.objects.filter(account_id=account_id, instrument_id=instrument_id).order_by("-number")
    following: datetime | None = None
    for number, opened_at, closed_at in known.values_list("number", "opened_at", "closed_at")[:SEARCHED]:
        if closed_at is not None and closed_at < since and (following is None or closed_at < following):
            return (number, closed_at) if _is_flat(account_id, instrument_id, closed_at) else (0, None)
        following = opened_at
    return 0, None


def _is_flat(account_id: int, instrument_id: int, moment: datetime) -> bool:
    """Nothing of unknown cost is held beside the trades."""
    unknown = HoldingChange.objects.filter(account_id=account_id, instrument_id=instrument_id, at__lte=moment)
    return not unknown.filter(price=None).exclude(quantity=0).exists()


def _store(account: Account, instrument: Instrument, number: int, trips: list[RoundTrip], fills: Fills) -> None:
    rates = Rates(account, {instrument.currency})
    strategies = _strategies(trips)
    rows = [
        _trade(account, instrument, place, trip, strategies, rates, fills)
        for place, trip in enumerate(trips, start=number + 1)
    ]
    old = Trade.objects.filter(account=account, instrument=instrument, number__gt=number)
    old.filter(number__gt=number + len(rows)).delete()
    stored = Trade.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["account", "instrument", "number"], update_fields=UPDATED
    )
    pairs = zip(stored, trips, strict=True)
    _store_closings(stored, [row for trade, trip in pairs for row in _closings(trade, trip, rates)])


def _store_closings(trades: list[Trade], rows: list[Closing]) -> None:
    """Written is what differs: a trade that is never over keeps thousands of them, and a fill changes one or two."""
    derived = {tuple(getattr(row, name) for name in DERIVED): row for row in rows}
    known = Closing.objects.filter(trade__in=trades)
    kept: set[tuple[object, ...]] = set()
    wrong: list[int] = []
    for pk, *values in known.order_by().values_list("pk", *DERIVED):
        if tuple(values) in derived and tuple(values) not in kept:
            kept.add(tuple(values))
        else:
            wrong.append(pk)
    Closing.objects.filter(pk__in=wrong).delete()
    Closing.objects.bulk_create(row for values, row in derived.items() if values not in kept)


def _store_unmatched(account: Account, instrument: Instrument, after: datetime | None, pairing: Pairing) -> None:
    old = UnmatchedClosing.objects.filter(account=account, instrument=instrument)
    (old.filter(at__gt=after) if after else old).delete()
    UnmatchedClosing.objects.bulk_create(
        UnmatchedClosing(account=account, instrument=instrument, at=lost.at, quantity=lost.quantity)
        for lost in pairing.unmatched
    )


def _trade(
    account: Account,
    instrument: Instrument,
    number: int,
    trip: RoundTrip,
    strategies: dict[str, str],
    rates: Rates,
    fills: Fills,
) -> Trade:
    ended_at = trip.closed_at or trip.last_closing_at
    rate = rates.at(instrument.currency, ended_at) if ended_at else None
    known = [closing.commission_known for closing in trip.closings.values()]
    return Trade(
        account=account,
        instrument=instrument,
        number=number,
        direction=TradeDirection.LONG if trip.is_long else TradeDirection.SHORT,
        strategy=_strategy(trip, strategies),
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
        commissions_known=all(known) and (trip.closed_at is not None or fills.all_paid_since(trip.opened_at)),
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


def _strategies(trips: list[RoundTrip]) -> dict[str, str]:
    perm_ids = {int(order) for trip in trips for order in trip.opened if order.isdecimal()}
    known = Order.objects.filter(perm_id__in=perm_ids).values_list("perm_id", "strategy")
    return {str(perm_id): strategy for perm_id, strategy in known}


def _strategy(trip: RoundTrip, strategies: dict[str, str]) -> str:
    """Whose orders opened most of it."""
    shares: dict[str, Decimal] = {}
    for order, quantity in trip.opened.items():
        name = strategies.get(order, "")
        shares[name] = shares.get(name, Decimal(0)) + quantity
    return max(shares, key=lambda name: (shares[name], name), default="")


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
