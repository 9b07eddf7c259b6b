from __future__ import annotations

from django.db import models

from apps.strategies.models.parameters import ParametersRevision


class MomentumSignal(models.Model):
    """A ranking and its target weights, as computed once. `top_n` may differ from the revision's (--top-n)."""

    signal_date = models.DateField(help_text="The day of the newest close used.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, blank=True)
    revision = models.ForeignKey(ParametersRevision, on_delete=models.PROTECT, related_name="signals")
    top_n = models.PositiveIntegerField()
    incumbents = models.JSONField(default=list, help_text="What counted as held, for the hysteresis.")
    incumbents_from = models.CharField(max_length=120, blank=True)
    job_run = models.BigIntegerField(null=True, blank=True, help_text="The job run that made it; empty: by hand.")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"Momentum of {self.signal_date}"


class SignalRow(models.Model):
    """Ratios are fractions; closes as quoted for the line `con_id`."""

    signal = models.ForeignKey(MomentumSignal, on_delete=models.CASCADE, related_name="rows")
    rank = models.PositiveIntegerField()
    symbol = models.CharField(max_length=32)
    sector = models.CharField(max_length=64)
    momentum = models.FloatField()
    is_selected = models.BooleanField()
    is_held_over = models.BooleanField()
    target_weight = models.FloatField()
    reason = models.CharField(max_length=200)
    con_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    month_end_closes = models.JSONField(help_text="The closes used, by day.")
    latest_close = models.DecimalField(max_digits=20, decimal_places=8)
    latest_on = models.DateField()

    class Meta:
        ordering = ["signal", "rank"]
        constraints = [models.UniqueConstraint(fields=["signal", "symbol"], name="strategies_one_row_per_fund")]

    def __str__(self) -> str:
        return f"{self.rank}. {self.symbol} {self.momentum:+.1%}"
