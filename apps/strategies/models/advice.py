from __future__ import annotations

from django.db import models

from apps.broker.choices import PriceSource
from apps.snapshots.models import PortfolioSnapshot
from apps.strategies.choices import Action
from apps.strategies.models.signal import MomentumSignal


def trades_recommended(count: int) -> str:
    return f"{count} trade{'' if count == 1 else 's'} recommended"


class RebalanceAdvice(models.Model):
    """What to trade to follow a signal, advice only. The account's numbers as the snapshot had them then."""

    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, blank=True)
    signal = models.ForeignKey(MomentumSignal, on_delete=models.PROTECT, related_name="advice")
    snapshot = models.ForeignKey(PortfolioSnapshot, on_delete=models.PROTECT, related_name="+")
    snapshot_taken_at = models.DateTimeField()
    account = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    equity = models.DecimalField(max_digits=20, decimal_places=4)
    cash = models.DecimalField(max_digits=20, decimal_places=4)
    threshold = models.FloatField()
    buy_count = models.PositiveIntegerField()
    sell_count = models.PositiveIntegerField()
    buy_value = models.DecimalField(max_digits=20, decimal_places=4)
    sell_value = models.DecimalField(max_digits=20, decimal_places=4)
    net_cash_flow = models.DecimalField(max_digits=20, decimal_places=4, help_text="Sells - buys.")
    warnings = models.JSONField(default=list, blank=True)
    job_run = models.BigIntegerField(null=True, blank=True, help_text="The job run that made it; empty: by hand.")

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "rebalance advice"

    def __str__(self) -> str:
        return f"Advice of {self.created_at:%Y-%m-%d %H:%M} UTC: {self.summary}"

    @property
    def trade_count(self) -> int:
        return self.buy_count + self.sell_count

    @property
    def summary(self) -> str:
        return trades_recommended(self.trade_count)


class AdvisedTrade(models.Model):
    """`price` as quoted, in `price_unit` (GBX where the exchange quotes pence); `value` in the account's currency."""

    advice = models.ForeignKey(RebalanceAdvice, on_delete=models.CASCADE, related_name="trades")
    position = models.PositiveIntegerField(help_text="Its place in the list.")
    symbol = models.CharField(max_length=32)
    con_id = models.BigIntegerField()
    line = models.CharField(max_length=64)
    action = models.CharField(max_length=4, choices=Action)
    shares = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=20, decimal_places=8)
    price_unit = models.CharField(max_length=8, help_text="What the price is quoted in: USD, GBP or GBX (pence).")
    currency = models.CharField(max_length=3)
    price_source = models.CharField(max_length=12, choices=PriceSource)
    value = models.DecimalField(max_digits=20, decimal_places=4)
    current_weight = models.FloatField()
    target_weight = models.FloatField()
    weight_diff = models.FloatField()
    reason = models.CharField(max_length=255)

    class Meta:
        ordering = ["advice", "position"]
        constraints = [models.UniqueConstraint(fields=["advice", "con_id"], name="strategies_one_trade_per_line")]

    def __str__(self) -> str:
        return f"{self.action} {self.shares.normalize():f} {self.symbol}"
