"""Reading instruments for the gateway. Synchronous."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from apps.broker.gateway.rows import OPTIONS, InstrumentRow
from apps.broker.models import Instrument

AT_ONCE = 10


def instrument(con_id: int) -> InstrumentRow | None:
    found = Instrument.objects.filter(con_id=con_id).first()
    if found is None:
        return None
    return InstrumentRow(**{name: getattr(found, name) for name in InstrumentRow.__slots__})


def without_details(besides: Sequence[int]) -> list[int]:
    """Instruments whose details were never fetched, or not since the underlying is remembered; the newest first."""
    unknown = Q(min_tick=None) | Q(sec_type__in=OPTIONS, under_sec_type="")
    missing = Instrument.objects.filter(unknown, con_id__gt=0).exclude(con_id__in=besides).exclude(sec_type="BAG")
    return list(missing.order_by("-id").values_list("con_id", flat=True)[:AT_ONCE])
