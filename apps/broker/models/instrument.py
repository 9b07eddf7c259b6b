from __future__ import annotations

from django.db import models


class Instrument(models.Model):
    """A contract at the broker, known by its conId. `multiplier` 1 where the broker states none."""

    con_id = models.BigIntegerField(unique=True)
    symbol = models.CharField(max_length=32, db_index=True)
    sec_type = models.CharField(max_length=8)
    currency = models.CharField(max_length=3)
    exchange = models.CharField(max_length=32, blank=True)
    primary_exchange = models.CharField(max_length=32, blank=True)
    local_symbol = models.CharField(max_length=64, blank=True)
    trading_class = models.CharField(max_length=32, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    strike = models.DecimalField(max_digits=18, decimal_places=6, null=True, blank=True)
    right = models.CharField(max_length=1, blank=True, choices=[("C", "Call"), ("P", "Put")])
    multiplier = models.DecimalField(max_digits=18, decimal_places=6, default=1)
    under_con_id = models.BigIntegerField(null=True, blank=True)
    under_sec_type = models.CharField(
        max_length=8, blank=True, help_text="Of options: STK is delivered, IND settled in cash; empty: not known."
    )
    min_tick = models.DecimalField(max_digits=18, decimal_places=10, null=True, blank=True)
    price_magnifier = models.PositiveIntegerField(default=1, help_text="100 where prices are quoted in pence.")
    long_name = models.CharField(max_length=255, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    as_of = models.DateTimeField()

    class Meta:
        ordering = ["symbol", "con_id"]

    def __str__(self) -> str:
        return self.local_symbol.strip() or f"{self.symbol} {self.currency}"
