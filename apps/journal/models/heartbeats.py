"""Which processes live, for those that have no table of their own: web and sentinel."""

from __future__ import annotations

from django.db import models

from apps.journal.choices import ProcessKind


class ProcessHeartbeat(models.Model):
    """One row per process while it lives. A clean stop deletes the row: a stale one is a process that died."""

    name = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=8, choices=ProcessKind)
    host = models.CharField(max_length=128)
    pid = models.PositiveIntegerField()
    is_active = models.BooleanField(default=True, help_text="False: a standby that waits until the active one ends.")
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()

    class Meta:
        ordering = ["kind", "name"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name
