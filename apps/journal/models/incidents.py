"""What is wrong, from the moment it was noticed until it is right again."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from apps.journal.choices import Severity
from tradeops.lib import clock

UNRESOLVED = models.Q(resolved_at__isnull=True)


class Incident(models.Model):
    """One episode. While it lasts, everything that finds the same thing wrong counts here."""

    key = models.CharField(max_length=128, help_text="What is wrong, for machines: job:daily_snapshot, ...")
    title = models.CharField(max_length=200)
    detail = models.TextField(blank=True)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    scope = models.CharField(max_length=64, blank=True, help_text="The app or system it concerns: broker, jobs, ...")
    opened_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now)
    count = models.PositiveIntegerField(default=1, help_text="How often it was found wrong in this episode.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    escalations = models.PositiveIntegerField(default=0, help_text="How often people were reminded.")
    escalated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolution = models.TextField(blank=True)

    class Meta:
        ordering = [models.F("resolved_at").desc(nulls_first=True), "-opened_at"]
        default_permissions = ("view",)
        permissions = [("handle_incident", "Can acknowledge, snooze and resolve incidents")]
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=UNRESOLVED, name="journal_one_open_incident_per_key")
        ]
        indexes = [
            models.Index(fields=["-opened_at"], name="journal_incident_opened"),
            models.Index(fields=["severity"], name="journal_incident_open", condition=UNRESOLVED),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    def is_snoozed(self, *, now: datetime) -> bool:
        return self.snoozed_until is not None and self.snoozed_until > now
