"""What the broker says of an instrument while somebody thinks about an order in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.broker import services as broker
from apps.broker.choices import PriceSource, RequestKind
from apps.broker.models import Instrument
from apps.console.selectors.desk import instrument_kind, instrument_name
from tradeops.lib.known import Known, Unknown

QUOTE_SECONDS, SEARCH_SECONDS = 5.0, 6.0
LONGEST_PATTERN, MOST_RECENT = 60, 12


@dataclass(frozen=True, slots=True)
class QuoteView:
    """Prices as texts. `unknown` says why there is none; `at` is the time of the tick."""

    unknown: str = ""
    price: str | None = None
    bid: str | None = None
    ask: str | None = None
    source: str = ""
    at: datetime | None = None
    drift: str | None = None
    is_halted: bool = False


def search(pattern: str, *, requested_by: str) -> Known[list[dict[str, Any]]] | Unknown:
    """Instruments whose symbol or name begins so."""
    payload = {"pattern": pattern[:LONGEST_PATTERN]}
    return broker.ask(RequestKind.CONTRACT_DETAILS, payload, timeout=SEARCH_SECONDS, requested_by=requested_by)


def at_hand() -> list[dict[str, Any]]:
    """What is held and what was ordered last: found without asking the broker."""
    held = Instrument.objects.filter(positions__isnull=False).exclude(positions__quantity=0)
    lately = Instrument.objects.filter(orders__isnull=False).order_by("-orders__created_at")
    found = {item.pk: item for item in [*held.distinct()[:MOST_RECENT], *lately[:MOST_RECENT]]}
    return [
        {
            "con_id": item.con_id,
            "name": instrument_name(item),
            "kind": instrument_kind(item),
            "currency": item.currency,
            "description": item.long_name,
        }
        for item in sorted(found.values(), key=lambda item: item.symbol)
    ]


def quote_of(con_id: int, *, requested_by: str, reference: str = "") -> QuoteView:
    """`reference` is a price to which the distance is wanted, in percent."""
    payload = {"con_ids": [con_id], "fresh": True}
    answer = broker.ask(RequestKind.QUOTES, payload, timeout=QUOTE_SECONDS, requested_by=requested_by)
    if isinstance(answer, Unknown):
        return QuoteView(unknown=answer.reason)
    row: dict[str, Any] = next((row for row in answer.value if row["con_id"] == con_id), {})
    if row.get("price") is None or not row.get("price_source"):
        return QuoteView(unknown=str(row.get("note") or "the broker states no price"))
    return QuoteView(
        price=row["price"],
        bid=row["bid"],
        ask=row["ask"],
        source=PriceSource(row["price_source"]).label,
        at=datetime.fromisoformat(row["at"]) if row.get("at") else None,
        drift=drift_text(row["price"], reference),
        is_halted=bool(row.get("is_halted")),
    )


def drift_text(price: str, reference: str) -> str | None:
    try:
        before = Decimal(reference)
        return f"{(Decimal(price) / before - 1) * 100:+.2f}" if before > 0 else None
    except InvalidOperation:
        return None
