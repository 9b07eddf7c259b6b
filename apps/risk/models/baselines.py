"""What losses are measured against. Survives restarts: a breaker that forgets its baseline is none."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.broker.choices import Scope, StopEnding, TradingPermission
from apps.broker.models import Account
from apps.risk.choices import MonitorRule


class DayBaseline(models.Model):
    """Equity at the start of a trading day in New York. Written once: the database refuses change."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="day_baselines")
    date = models.DateField()
    equity = models.DecimalField(max_digits=20, decimal_places=4)
    currency = models.CharField(max_length=3)
    taken_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=200)

    class Meta:
        ordering = ["-date", "account"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["account", "date"], name="risk_one_baseline_a_day")]

    def __str__(self) -> str:
        return f"{self.account} {self.date}: {self.equity:,.2f} {self.currency}"


class EquityWatch(models.Model):
    """The peak of an account's equity as it was then, and when its equity was known last.

    `implied_start` is equity less the broker's profit and loss of the day, as first seen that day at `implied_at`;
    `pnl_seen` that figure as seen last. See `domain/day.py`.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="equity_watch")
    peak = models.DecimalField(max_digits=20, decimal_places=4)
    peak_at = models.DateTimeField()
    equity = models.DecimalField(max_digits=20, decimal_places=4)
    known_at = models.DateTimeField()
    implied_start = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    implied_at = models.DateTimeField(null=True, blank=True)
    pnl_seen = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.account}: peak {self.peak:,.2f}"


class UnexplainedChange(models.Model):
    """What the equity changed by on a trading day in New York beside profit and loss and booked payments.

    Perhaps a payment that nobody has booked. `told_at`: a person was asked, once. `settled_at`: it was booked, or went
    as it had come.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="unexplained_changes")
    date = models.DateField()
    amount = models.DecimalField(max_digits=20, decimal_places=4)
    currency = models.CharField(max_length=3)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-first_seen_at", "-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "date"], condition=Q(settled_at__isnull=True), name="risk_one_unexplained_change"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.date}: {self.amount:+,.2f} {self.currency}"


class LimitBreach(models.Model):
    """One episode beyond a limit, and the stop that it caused. `value` and `limit` in the rule's own unit.

    `released_at`: a person lifted the stop while the breach lasted; it comes back only when `value` becomes worse.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="breaches")
    rule = models.CharField(max_length=20, choices=MonitorRule)
    scope = models.CharField(max_length=10, choices=Scope)
    target = models.CharField(max_length=64)
    value = models.DecimalField(max_digits=24, decimal_places=8)
    limit = models.DecimalField(max_digits=24, decimal_places=8)
    sentence = models.CharField(max_length=500)
    permission = models.CharField(max_length=8, choices=TradingPermission)
    ending = models.CharField(max_length=16, choices=StopEnding)
    ends_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    released_value = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    released_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = [models.F("ended_at").desc(nulls_first=True), "-opened_at"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "rule", "scope", "target"],
                condition=Q(ended_at__isnull=True),
                name="risk_one_open_breach",
            )
        ]

    def __str__(self) -> str:
        return self.sentence
