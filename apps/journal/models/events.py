"""What happened, in the order in which it was committed. The database itself refuses to change or delete it."""

from __future__ import annotations

from django.db import models
from django.db.models.fields.json import KeyTransform

from apps.journal.choices import INCIDENT_STEPS, Level
from tradeops.lib import clock


class Event(models.Model):
    """One thing that happened.

    `number` is given by the database in the moment of the commit, under a lock: whoever has read up to number n has
    missed nothing below n. It is None until the transaction that recorded the event commits.
    """

    number = models.BigIntegerField(null=True, unique=True, editable=False)
    at = models.DateTimeField(default=clock.now, db_index=True)
    level = models.CharField(max_length=5, choices=Level, default=Level.INFO)
    scope = models.CharField(max_length=64, blank=True, help_text="The app or system it concerns: broker, jobs, ...")
    symbol = models.CharField(max_length=64, blank=True)
    step = models.CharField(max_length=64, help_text="A stable short name of what happened.")
    message = models.CharField(max_length=2000)
    data = models.JSONField(default=dict, blank=True)
    actor = models.CharField(max_length=150, blank=True, help_text="The person or process that caused it.")

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["level", "-number"], name="journal_event_level"),
            models.Index(fields=["scope", "-number"], name="journal_event_scope"),
            models.Index(
                KeyTransform("incident", "data"),
                "number",
                name="journal_event_incident",
                condition=models.Q(step__in=INCIDENT_STEPS),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.symbol} {self.step}: {self.message}".replace("  ", " ")
