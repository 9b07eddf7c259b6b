"""What a midnight in New York leaves to the days after it, stored: a fill is paired without those from long before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.broker.domain.trades import MIDNIGHTS, Before, Carried, Fill, Lot, RoundTrip
from apps.broker.models import PairingCheckpoint
from apps.broker.rates import COMES_LATER


def last_carried(account_id: int, instrument_id: int, since: datetime | None) -> Carried | None:
    """From the newest midnight that nothing which changed at `since` or later can have touched.

    A day before it is derived again: exchange rates and an order's strategy may be told after the first fills.
    """
    if since is None:
        return None
    rows = PairingCheckpoint.objects.filter(account_id=account_id, instrument_id=instrument_id)
    row = rows.filter(at__lte=since - COMES_LATER).order_by("-at").first()
    return None if row is None else Carried(row.at, row.number, tuple(map(_lot, row.lots)), _trip(row.trip))


def store_midnights(account_id: int, instrument_id: int, after: datetime | None, midnights: Iterable[Carried]) -> None:
    """In place of what was stored after that moment. Written is what differs; the last ones are kept."""
    rows = PairingCheckpoint.objects.filter(account_id=account_id, instrument_id=instrument_id)
    later = rows.filter(at__gt=after) if after else rows
    known = {row.at: (row.number, row.lots, row.trip) for row in later}
    derived = {carried.at: (carried.number, _lots(carried), _trip_data(carried.trip)) for carried in midnights}
    later.exclude(at__in=derived).delete()
    PairingCheckpoint.objects.bulk_create(
        [
            PairingCheckpoint(
                account_id=account_id, instrument_id=instrument_id, at=at, number=number, lots=lots, trip=trip
            )
            for at, (number, lots, trip) in derived.items()
            if known.get(at) != (number, lots, trip)
        ],
        update_conflicts=True,
        unique_fields=["account", "instrument", "at"],
        update_fields=["number", "lots", "trip"],
    )
    rows.exclude(pk__in=rows.order_by("-at").values("pk")[:MIDNIGHTS]).delete()


def _lots(carried: Carried) -> list[dict[str, Any]]:
    return [
        {
            "at": lot.fill.at.isoformat(),
            "order": lot.fill.order,
            "left": str(lot.left),
            "price": _text(lot.fill.price),
            "commission": str(lot.commission),
            "commission_known": lot.fill.commission_known,
        }
        for lot in carried.lots
    ]


def _lot(data: dict[str, Any]) -> Lot:
    left, commission = Decimal(data["left"]), Decimal(data["commission"])
    return Lot(
        Fill(
            at=datetime.fromisoformat(data["at"]),
            order=data["order"],
            quantity=left,
            price=_number(data["price"]),
            commission=commission,
            commission_known=data["commission_known"],
        ),
        left,
        commission,
    )


def _trip_data(trip: RoundTrip | None) -> dict[str, Any] | None:
    if trip is None:
        return None
    before = trip.before
    return {
        "is_long": trip.is_long,
        "opened_at": trip.opened_at.isoformat(),
        "quantity": str(trip.quantity),
        "open_quantity": str(trip.open_quantity),
        "opened": {strategy: str(quantity) for strategy, quantity in trip.opened.items()},
        "entry_points": str(trip.entry_points),
        "exit_points": str(trip.exit_points),
        "all_paid": trip.all_paid,
        "gross": _text(before.gross),
        "commission": str(before.commission),
        "net": _text(before.net),
        "commissions_known": before.commissions_known,
        "last_closing_at": before.last_closing_at.isoformat() if before.last_closing_at else None,
    }


def _trip(data: dict[str, Any] | None) -> RoundTrip | None:
    if data is None:
        return None
    last = data["last_closing_at"]
    before = Before(
        gross=_number(data["gross"]),
        commission=Decimal(data["commission"]),
        net=_number(data["net"]),
        commissions_known=data["commissions_known"],
        last_closing_at=datetime.fromisoformat(last) if last else None,
    )
    return RoundTrip(
        is_long=data["is_long"],
        opened_at=datetime.fromisoformat(data["opened_at"]),
        quantity=Decimal(data["quantity"]),
        open_quantity=Decimal(data["open_quantity"]),
        opened={strategy: Decimal(quantity) for strategy, quantity in data["opened"].items()},
        entry_points=Decimal(data["entry_points"]),
        exit_points=Decimal(data["exit_points"]),
        all_paid=data["all_paid"],
        before=before,
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
