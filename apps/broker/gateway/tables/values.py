"""Account values, profit and loss, samples of equity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from apps.broker.gateway import parsing
from apps.broker.gateway.changes import Changes
from apps.broker.gateway.rows import ValueRow
from apps.broker.models import Account, AccountPnl, AccountValue, EquityPoint, ExchangeRate

HIGHEST_RATE = Decimal(10) ** 9


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
    _keep_rates(items)


def _keep_rates(items: Iterable[AccountValue]) -> None:
    """The table of values forgets what a rate was; results of trades are converted at the rate of their time."""
    rates = [
        ExchangeRate(account_id=item.account_id, currency=item.currency, at=_quarter(item.as_of), rate=rate)
        for item in items
        if item.tag == "ExchangeRate" and item.currency not in {"", "BASE"} and (rate := _rate(item.value))
    ]
    ExchangeRate.objects.bulk_create(
        rates, update_conflicts=True, unique_fields=["account", "currency", "at"], update_fields=["rate"]
    )


def _quarter(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _rate(text: str) -> Decimal | None:
    number = parsing.number(text)
    return round(number, 8) if number is not None and 0 < number < HIGHEST_RATE else None


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
