from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.strategies.choices import Strategy


class ParametersRevision(models.Model):
    """A strategy's parameters as somebody set them, with why. The database refuses to change or delete one."""

    strategy = models.CharField(max_length=32, choices=Strategy)
    number = models.PositiveIntegerField()
    values = models.JSONField()
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=False)
    activated_at = models.DateTimeField(null=True, blank=True)
    activated_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["strategy", "-number"]
        verbose_name_plural = "parameters revisions"
        constraints = [
            models.UniqueConstraint(fields=["strategy", "number"], name="strategies_one_revision_number"),
            models.UniqueConstraint(
                fields=["strategy"], condition=Q(is_active=True), name="strategies_one_active_revision"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_strategy_display()} parameters {self.number}"
