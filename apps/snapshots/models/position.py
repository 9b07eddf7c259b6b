"""How an open option trade stood, once a trading day."""

from __future__ import annotations

from django.db import models

from apps.broker.choices import PriceSource
from apps.broker.models import Account, Instrument, Trade


class PositionSnapshot(models.Model):
    """An open option trade at the end of a trading day. Null is unknown; `missing` says why.

    Money and prices in the currency of the trade (never in pence), a price per unit of the underlying (a share);
    `current_pnl` for the whole trade, before commissions. Fractions, not per cents. Theta per day, vega per point of
    volatility, as the broker states them.

    The first 16 fields are the snapshot. What follows says whose and where from, so that a row explains itself also
    after its trade was derived anew (then `trade` is empty).
    """

    trade = models.ForeignKey(Trade, on_delete=models.SET_NULL, null=True, related_name="position_snapshots")
    snapshot_date = models.DateField(help_text="The trading day at the option's exchange.")
    current_premium = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    current_pnl = models.DecimalField("current P&L", max_digits=20, decimal_places=4, null=True, blank=True)
    current_pnl_pct = models.FloatField("current P&L, fraction of the premium", null=True, blank=True)
    dte_remaining = models.PositiveIntegerField("days to expiration", null=True, blank=True)
    delta = models.FloatField(null=True, blank=True)
    theta = models.FloatField(null=True, blank=True)
    gamma = models.FloatField(null=True, blank=True)
    vega = models.FloatField(null=True, blank=True)
    iv = models.FloatField("implied volatility", null=True, blank=True)
    stock_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    distance_to_strike_pct = models.FloatField(
        "distance to strike", null=True, blank=True, help_text="Fraction of the stock price; negative: in the money."
    )
    vix = models.FloatField("VIX", null=True, blank=True)
    spy_price = models.DecimalField("SPY", max_digits=20, decimal_places=8, null=True, blank=True)
    captured_at = models.DateTimeField()

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    underlying = models.ForeignKey(Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    price_source = models.CharField(max_length=12, choices=PriceSource, blank=True, help_text="Of the premium.")
    stock_price_source = models.CharField(max_length=12, choices=PriceSource, blank=True)
    missing = models.JSONField(default=dict, blank=True, help_text="Why a field is unknown, by its name.")
    missing_count = models.PositiveSmallIntegerField(default=0)
    note = models.CharField(max_length=500, blank=True, help_text="What a person can do about it.")
    job_run = models.BigIntegerField(null=True, blank=True, help_text="The job run that took it; empty: by hand.")

    class Meta:
        ordering = ["-snapshot_date", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["trade", "snapshot_date"], name="snapshots_one_position_a_day"),
        ]
        indexes = [
            models.Index(fields=["-snapshot_date", "-id"], name="snapshots_position_newest"),
            models.Index(fields=["instrument", "-snapshot_date"], name="snapshots_position_of"),
            models.Index(
                fields=["-snapshot_date", "-id"],
                condition=models.Q(missing_count__gt=0),
                name="snapshots_position_gaps",
            ),
            models.Index(fields=["-captured_at"], name="snapshots_position_captured"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} on {self.snapshot_date}"
