from __future__ import annotations

from datetime import UTC, date

from django.db import models
from django.utils import timezone

from apps.broker.models.account import Account


class CashFlow(models.Model):
    """A payment into (positive) or out of (negative) an account, in its base currency; no gain and no loss.

    Returns, the day's loss and the drawdown all take it out, at the moment from which the account's equity had it.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="cash_flows")
    arrived_at = models.DateTimeField(
        "in the account since", help_text="UTC. The first moment at which the account's equity included the payment."
    )
    amount = models.DecimalField(
        max_digits=20, decimal_places=2, help_text="Positive: paid in. Negative: paid out. What it was worth that day."
    )
    currency = models.CharField(max_length=3, help_text="The account's base currency.")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-arrived_at", "-id"]
        indexes = [models.Index(fields=["account", "arrived_at"], name="broker_payment_of_account")]
        constraints = [models.CheckConstraint(condition=~models.Q(amount=0), name="broker_payment_is_not_nothing")]

    def __str__(self) -> str:
        return f"{self.account} {self.arrived_at:%Y-%m-%d %H:%M}: {self.amount:+,.2f} {self.currency}"

    @property
    def day(self) -> date:
        """UTC."""
        return self.arrived_at.astimezone(UTC).date()
