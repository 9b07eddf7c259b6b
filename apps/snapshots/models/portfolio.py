"""What the portfolio was worth, once a day and account."""

from __future__ import annotations

from django.db import models

from apps.broker.choices import PriceSource
from apps.broker.models import Account, Instrument


class PortfolioSnapshot(models.Model):
    """The account's worth in its base currency. A later snapshot of the same UTC date replaces it as a whole."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="snapshots")
    date = models.DateField(help_text="UTC")
    taken_at = models.DateTimeField()
    total_equity = models.DecimalField(max_digits=20, decimal_places=4, help_text="NetLiquidation")
    cash = models.DecimalField(max_digits=20, decimal_places=4, help_text="TotalCashValue")
    currency = models.CharField(max_length=3)
    job_run = models.BigIntegerField(null=True, blank=True, help_text="The job run that took it; empty: by hand.")

    class Meta:
        ordering = ["-date", "account"]
        constraints = [models.UniqueConstraint(fields=["account", "date"], name="snapshots_one_a_day")]

    def __str__(self) -> str:
        return f"{self.account} {self.date}: {self.total_equity:,.2f} {self.currency}"


class SnapshotPosition(models.Model):
    """A holding and its worth in the instrument's currency; `base_value` in the account's where the rate is known.

    `market_price` is as quoted (pence where the exchange quotes pence); `avg_cost` as the broker states it, with the
    multiplier. So market_value = quantity x market_price x multiplier / magnifier.
    """

    snapshot = models.ForeignKey(PortfolioSnapshot, on_delete=models.CASCADE, related_name="positions")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    symbol = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    avg_cost = models.DecimalField(max_digits=20, decimal_places=8)
    market_price = models.DecimalField(max_digits=20, decimal_places=8)
    market_value = models.DecimalField(max_digits=20, decimal_places=4)
    unrealized_pnl = models.DecimalField(max_digits=20, decimal_places=4)
    price_source = models.CharField(max_length=12, choices=PriceSource)
    priced_at = models.DateTimeField()
    exchange_rate = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    base_value = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)

    class Meta:
        ordering = ["symbol", "id"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "instrument"], name="snapshots_one_row_per_instrument")
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.symbol} at {self.market_price.normalize():f} ({self.price_source})"
