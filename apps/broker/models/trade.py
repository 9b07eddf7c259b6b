from __future__ import annotations

from django.db import models

from apps.broker.choices import TradeDirection
from apps.broker.models.account import Account
from apps.broker.models.instrument import Instrument


class Trade(models.Model):
    """A round trip, derived from executions first in, first out: never edited, always computable anew.

    Prices per unit as quoted; money in the instrument's `currency`, times its multiplier, pence already turned into
    the currency. `net_pnl` is after commissions; `net_pnl_base` in the account's currency at `exchange_rate`, None
    where the rate is unknown. Open while `closed_at` is None: then the P&L is of the part that was closed.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="trades")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="trades")
    direction = models.CharField(max_length=5, choices=TradeDirection)
    strategy = models.CharField(max_length=64, blank=True)
    number = models.PositiveIntegerField(help_text="Counts the round trips of the instrument in the account.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    quantity = models.DecimalField(max_digits=20, decimal_places=6, help_text="The largest that was held.")
    open_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    entry_price = models.DecimalField(max_digits=20, decimal_places=8)
    exit_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    gross_pnl = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    commissions = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    net_pnl = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    currency = models.CharField(max_length=3)
    commissions_known = models.BooleanField(default=True, help_text="False while a commission report is missing.")
    net_pnl_base = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    base_currency = models.CharField(max_length=3, blank=True)
    exchange_rate = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    ending = models.CharField(max_length=12, blank=True, help_text="execution, assignment, expiry")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument", "number"], name="broker_one_trade_number"),
        ]
        indexes = [
            models.Index(fields=["account", "-closed_at"], name="broker_trade_closed"),
            models.Index(fields=["strategy", "-closed_at"], name="broker_trade_strategy"),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.quantity.normalize():f} {self.instrument}"
