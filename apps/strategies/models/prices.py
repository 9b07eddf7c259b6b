"""Adjusted daily bars, kept so that a signal asks the broker only for what is new."""

from __future__ import annotations

from django.db import models


class PriceSeries(models.Model):
    """The adjusted daily history of one line. Replaced as a whole when the broker rewrites the past."""

    con_id = models.BigIntegerField(unique=True)
    symbol = models.CharField(max_length=32)
    currency = models.CharField(max_length=3)
    exchange = models.CharField(max_length=32)
    local_symbol = models.CharField(max_length=64, blank=True)
    long_name = models.CharField(max_length=255, blank=True)
    price_magnifier = models.PositiveIntegerField(help_text="100 where prices are quoted in pence.")
    resolved_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When the broker was last asked for new days.")
    restated_at = models.DateTimeField(null=True, blank=True, help_text="When its past last had to be loaded again.")

    class Meta:
        ordering = ["symbol", "currency"]
        verbose_name_plural = "price series"
        constraints = [models.UniqueConstraint(fields=["symbol", "currency"], name="strategies_one_series_per_line")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.currency}"


class DailyBar(models.Model):
    """Prices as quoted, adjusted for splits and distributions; completed days only."""

    series = models.ForeignKey(PriceSeries, on_delete=models.CASCADE, related_name="bars")
    date = models.DateField()
    open = models.DecimalField(max_digits=20, decimal_places=8)
    high = models.DecimalField(max_digits=20, decimal_places=8)
    low = models.DecimalField(max_digits=20, decimal_places=8)
    close = models.DecimalField(max_digits=20, decimal_places=8)
    volume = models.DecimalField(max_digits=24, decimal_places=4, null=True, blank=True)

    class Meta:
        ordering = ["series", "date"]
        constraints = [models.UniqueConstraint(fields=["series", "date"], name="strategies_one_bar_a_day")]

    def __str__(self) -> str:
        return f"{self.series} {self.date}: {self.close.normalize():f}"
