"""Executions and holding changes of an instrument as fills, in the order in which they count."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from apps.broker.choices import Side
from apps.broker.domain.trades import Fill
from apps.broker.models import Account, Execution, HoldingChange, Instrument, Order
from apps.broker.rates import Rates

# A combination is reported beside its legs: counting both would count twice. Bonds are quoted in per cent of a face
# value that executions do not tell.
UNTRADED_TYPES = ("BAG", "BOND", "BILL")
COLUMNS = (
    *("exec_id", "exec_key", "revision", "is_current", "perm_id", "side", "quantity", "price", "executed_at"),
    *("commission__amount", "commission__currency"),
)


def read_fills(account: Account, instrument: Instrument, since: datetime | None = None) -> list[Fill]:
    """Corrected executions as corrected, but at the place of the first report; `since` leaves out what was before.

    The broker tells times to the second. Within one its own numbering decides: after a lost link executions are heard
    in any order.
    """
    rows = Execution.objects.filter(account=account, instrument=instrument)
    rows = rows.filter(executed_at__gte=since) if since else rows
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows.order_by("executed_at", "exec_key", "revision").values(*COLUMNS):
        groups.setdefault(row["exec_key"], []).append(row)
    for key in _begun_before(groups, since):
        del groups[key]
    currencies = {row["commission__currency"] for group in groups.values() for row in group} - {None}
    rates = Rates(account, currencies | {instrument.currency} if currencies - {instrument.currency} else (), since)
    strategies = _strategies(row["perm_id"] for group in groups.values() for row in group)
    fills = [_fill(group, instrument.currency, rates, strategies) for group in groups.values()]
    return [*_changes(account, instrument, since), *fills]


def _strategies(perm_ids: Iterable[int | None]) -> dict[int | None, str]:
    known = Order.objects.filter(perm_id__in={perm_id for perm_id in perm_ids if perm_id})
    return dict(known.values_list("perm_id", "strategy"))


def _begun_before(groups: dict[str, list[dict[str, Any]]], since: datetime | None) -> Iterable[str]:
    """A correction may carry a later time than what it corrects."""
    corrected = [key for key, group in groups.items() if group[0]["revision"] > 1]
    if since is None or not corrected:
        return []
    return Execution.objects.filter(exec_key__in=corrected, executed_at__lt=since).values_list("exec_key", flat=True)


def _fill(group: list[dict[str, Any]], currency: str, rates: Rates, strategies: dict[int | None, str]) -> Fill:
    row = next((row for row in group if row["is_current"]), group[-1])
    amount, is_known = _commission(row, currency, rates)
    if not is_known:
        # Until the corrected one is reported, what was paid for the execution that it replaces is the best guess.
        older = [_commission(other, currency, rates) for other in group if other is not row]
        amount = next((paid for paid, known in reversed(older) if known), Decimal(0))
    return Fill(
        at=group[0]["executed_at"],
        order=str(row["perm_id"]) if row["perm_id"] else row["exec_id"],
        quantity=row["quantity"] if row["side"] == Side.BUY else -row["quantity"],
        price=row["price"],
        commission=amount,
        commission_known=is_known,
        strategy=strategies.get(row["perm_id"], ""),
    )


def _commission(row: dict[str, Any], currency: str, rates: Rates) -> tuple[Decimal, bool]:
    if row["commission__amount"] is None:
        return Decimal(0), False
    paid = rates.convert(row["commission__amount"], row["commission__currency"], currency, row["executed_at"])
    return (Decimal(0), False) if paid is None else (paid, True)


def _changes(account: Account, instrument: Instrument, since: datetime | None) -> list[Fill]:
    rows = HoldingChange.objects.filter(Q(at__gte=since) if since else Q(), account=account, instrument=instrument)
    return [
        Fill(row.at, f"{row.kind} {row.pk}", row.quantity, row.price, ending=row.kind)
        for row in rows.exclude(quantity=0).order_by("at", "id")
    ]
