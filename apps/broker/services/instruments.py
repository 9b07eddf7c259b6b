"""Instruments that somebody wants to trade: taken from the table, or from the broker and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from apps.broker.asking import ask
from apps.broker.choices import RequestKind
from apps.broker.models import Instrument
from tradeops.lib.known import Known, Unknown

TEXTS = (
    *("symbol", "sec_type", "currency", "exchange", "primary_exchange", "local_symbol", "trading_class", "right"),
    *("long_name", "time_zone"),
)


def find_instrument(*, con_id: int, requested_by: str, timeout: float = 8.0) -> Known[Instrument] | Unknown:
    """With tick size and price magnifier, without which prices cannot be judged."""
    stored = Instrument.objects.filter(con_id=con_id, min_tick__isnull=False).first()
    if stored is not None:
        return Known(stored, stored.as_of)
    answer = ask(
        RequestKind.CONTRACT_DETAILS, {"query": {"con_id": con_id}}, timeout=timeout, requested_by=requested_by
    )
    if isinstance(answer, Unknown):
        return answer
    row = next((row for row in answer.value if row["con_id"] == con_id), None)
    if row is None:
        return Unknown(f"the broker knows no contract {con_id}")
    return Known(_remember(row, answer.as_of), answer.as_of)


def _remember(row: Mapping[str, Any], as_of: datetime) -> Instrument:
    values: dict[str, Any] = {name: row[name] for name in TEXTS}
    values |= {
        "expires_on": date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
        "strike": Decimal(row["strike"]) if row["strike"] is not None else None,
        "multiplier": Decimal(row["multiplier"] or 1),
        "min_tick": Decimal(row["min_tick"]) if row["min_tick"] is not None else None,
        "price_magnifier": row["price_magnifier"],
        "as_of": as_of,
    }
    return Instrument.objects.update_or_create(con_id=row["con_id"], defaults=values)[0]
