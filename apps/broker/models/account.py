"""The broker's picture of the accounts. Every row says when the broker said so (`as_of`)."""

from __future__ import annotations

from django.db import models

from apps.broker.choices import PriceSource, TradingMode
from apps.broker.models.instrument import Instrument


class Account(models.Model):
    code = models.CharField(max_length=32, unique=True)
    mode = models.CharField(max_length=5, choices=TradingMode)
    base_currency = models.CharField(max_length=3, blank=True)
    as_of = models.DateTimeField()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class AccountValue(models.Model):
    """One tag of the account stream, with the broker's own text: NetLiquidation, TotalCashValue, ..."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="values")
    tag = models.CharField(max_length=64)
    currency = models.CharField(max_length=8, blank=True)
    value = models.CharField(max_length=255, blank=True)
    as_of = models.DateTimeField()

    class Meta:
        ordering = ["account", "tag", "currency"]
        constraints = [models.UniqueConstraint(fields=["account", "tag", "currency"], name="broker_one_account_value")]

    def __str__(self) -> str:
        return f"{self.tag} {self.value} {self.currency}".strip()


class AccountPnl(models.Model):
    """The broker's profit and loss in base currency; None where the broker says that it is not available."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="pnl")
    daily = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    unrealized = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    realized = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    as_of = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account}: {self.daily}"


class EquityPoint(models.Model):
    """A sample of the account's worth in base currency, taken by the gateway for the day's chart."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="equity_points")
    at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    net_liquidation = models.DecimalField(max_digits=20, decimal_places=4)
    cash = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    daily_pnl = models.DecimalField(max_digits=20, decimal_places=4, null=True)

    class Meta:
        ordering = ["account", "at"]
        constraints = [models.UniqueConstraint(fields=["account", "at"], name="broker_one_equity_point")]

    def __str__(self) -> str:
        return f"{self.account} {self.at:%Y-%m-%d %H:%M:%S}: {self.net_liquidation} {self.currency}"


class Position(models.Model):
    """What the broker says is held. Quantity 0 stays as a row: closed, and known to be.

    `average_cost` includes the multiplier, as the broker states it. Value and P&L are in the instrument's currency,
    the price as the exchange quotes it (in pence where `price_magnifier` is 100).
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="positions")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="positions")
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    average_cost = models.DecimalField(max_digits=20, decimal_places=8)
    market_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    market_value = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    unrealized_pnl = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    realized_pnl = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    as_of = models.DateTimeField()
    price_source = models.CharField(
        max_length=12, choices=PriceSource, blank=True, default="", help_text="Empty: never priced."
    )
    priced_at = models.DateTimeField(
        null=True, blank=True, help_text="The time of the tick, or when the broker last stated the portfolio."
    )

    class Meta:
        ordering = ["account", "instrument"]
        constraints = [models.UniqueConstraint(fields=["account", "instrument"], name="broker_one_position")]

    def __str__(self) -> str:
        return f"{self.account} {self.quantity.normalize():f} {self.instrument}"
