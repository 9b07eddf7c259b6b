from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.risk.choices import BreakerState


class Breaker(models.Model):
    """One circuit breaker, the same for every process.

    Open, it admits nobody until `admits_at`; half-open it admits one probe, whose outcome decides. `probe_until`: so
    long a probe that was admitted may take before another one is.
    """

    name = models.CharField(max_length=96, unique=True)
    state = models.CharField(max_length=9, choices=BreakerState, default=BreakerState.CLOSED)
    state_since = models.DateTimeField(default=timezone.now)
    failures = models.PositiveIntegerField(default=0, help_text="In a row; a success takes them back.")
    opened_at = models.DateTimeField(null=True, blank=True, help_text="When it opened last.")
    not_closed_since = models.DateTimeField(null=True, blank=True, help_text="Of this episode; empty while closed.")
    times_opened = models.PositiveIntegerField(default=0)
    probe_until = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=500, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        default_permissions = ("view",)
        permissions = [("reset_breaker", "Can reset circuit breakers")]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_state_display().lower()}"

    @property
    def admits_at(self) -> datetime | None:
        """When an open breaker lets a probe through; None while it is not open."""
        if self.state != BreakerState.OPEN or self.opened_at is None:
            return None
        return self.opened_at + timedelta(seconds=settings.BREAKER_SECONDS)

    def countdown(self, now: datetime) -> float | None:
        """Seconds until an open breaker lets a probe through; None while it is not open."""
        return None if self.admits_at is None else max(0.0, (self.admits_at - now).total_seconds())


class BreakerEvent(models.Model):
    """What happened to a breaker: watch for repeats. Append-only by use."""

    breaker = models.ForeignKey(Breaker, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    before = models.CharField(max_length=9, choices=BreakerState)
    after = models.CharField(max_length=9, choices=BreakerState)
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.get_after_display()}: {self.reason}"
