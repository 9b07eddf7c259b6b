"""The rows that all others refer to: accounts and instruments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from apps.broker.domain.mode import mode_of_account
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import InstrumentRow
from apps.broker.models import Account, Instrument

INSTRUMENT_FIELDS = tuple(
    field.name for field in Instrument._meta.concrete_fields if field.name not in {"id", "con_id"}
)


def accounts_of(changes: Changes) -> tuple[set[str], datetime | None]:
    groups = (changes.values, changes.pnl, changes.positions, changes.orders, changes.executions)
    rows = [row for group in groups for row in group.values()]
    codes = {row.account for row in rows} | {row.account for row in changes.equity}
    return codes, max((row.as_of for row in rows), default=None)


def account_ids(codes: Iterable[str], now: datetime | None) -> dict[str, int]:
    wanted = set(codes)
    known = dict(Account.objects.filter(code__in=wanted).values_list("code", "id"))
    missing = wanted - set(known)
    if missing and now is not None:
        new = [Account(code=code, mode=mode_of_account(code), as_of=now) for code in sorted(missing)]
        Account.objects.bulk_create(new, ignore_conflicts=True)
        known = dict(Account.objects.filter(code__in=wanted).values_list("code", "id"))
    return known


def instrument_ids(changes: Changes) -> dict[int, int]:
    groups = (changes.positions, changes.orders, changes.executions)
    rows = {row.instrument.con_id: row.instrument for group in groups for row in group.values()}
    plain = [_instrument(row) for row in (rows | changes.instruments).values() if not row.detailed]
    detailed = [_instrument(row) for row in changes.instruments.values() if row.detailed]
    if detailed:
        Instrument.objects.bulk_create(
            detailed, update_conflicts=True, unique_fields=["con_id"], update_fields=INSTRUMENT_FIELDS
        )
    wanted = [item.con_id for item in plain + detailed]
    known = dict(Instrument.objects.filter(con_id__in=wanted).values_list("con_id", "id"))
    missing = [item for item in plain if item.con_id not in known]
    if missing:
        Instrument.objects.bulk_create(missing, ignore_conflicts=True)
        known = dict(Instrument.objects.filter(con_id__in=wanted).values_list("con_id", "id"))
    return known


def revalued(changes: Changes) -> list[int]:
    """conIds of instruments whose price turns out to be other money than was thought. Ask before they are stored."""
    told = {con_id: row for con_id, row in changes.instruments.items() if row.detailed}
    known = Instrument.objects.filter(con_id__in=told).values_list("con_id", "multiplier", "price_magnifier")
    return [con_id for con_id, *worth in known if worth != [told[con_id].multiplier, told[con_id].price_magnifier]]


def _instrument(row: InstrumentRow) -> Instrument:
    return Instrument(con_id=row.con_id, **{name: getattr(row, name) for name in INSTRUMENT_FIELDS})
