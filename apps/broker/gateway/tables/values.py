"""Account values, profit and loss, samples of equity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import ValueRow
from apps.broker.models import Account, AccountPnl, AccountValue, EquityPoint


def write_values(rows: Iterable[ValueRow], accounts: Mapping[str, int]) -> None:
    items = [
        AccountValue(
            account_id=accounts[row.account], tag=row.tag, currency=row.currency, value=row.value, as_of=row.as_of
        )
        for row in rows
    ]
    AccountValue.objects.bulk_create(
        items, update_conflicts=True, unique_fields=["account", "tag", "currency"], update_fields=["value", "as_of"]
    )
    for item in items:
        if item.tag == "NetLiquidation" and item.currency not in {"", "BASE"}:
            stale = Account.objects.filter(id=item.account_id).exclude(base_currency=item.currency)
            stale.update(base_currency=item.currency[:3])


def write_pnl(changes: Changes, accounts: Mapping[str, int]) -> None:
    items = [
        AccountPnl(
            account_id=accounts[row.account],
            daily=row.daily,
            unrealized=row.unrealized,
            realized=row.realized,
            as_of=row.as_of,
        )
        for row in changes.pnl.values()
    ]
    AccountPnl.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["daily", "unrealized", "realized", "as_of"],
    )
    points = [
        EquityPoint(
            account_id=accounts[row.account],
            at=row.at,
            currency=row.currency,
            net_liquidation=row.net_liquidation,
            cash=row.cash,
            daily_pnl=row.daily_pnl,
        )
        for row in changes.equity
        if row.account in accounts
    ]
    EquityPoint.objects.bulk_create(points, ignore_conflicts=True)
