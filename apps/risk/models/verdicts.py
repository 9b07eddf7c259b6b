from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.broker.models import Order


class OrderVerdict(models.Model):
    """What was decided about an order and all that was seen to decide it. A second look is a second row;
    the database refuses to change or delete one.

    `reasons`: [{"code", "sentence", "data"}]. `saw`: quote with source and age, equity, positions, open orders, and
    every limit with the revision it came from.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="verdicts")
    at = models.DateTimeField(default=timezone.now)
    is_approved = models.BooleanField()
    reasons = models.JSONField(default=list)
    saw = models.JSONField(default=dict)
    asked_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["is_approved", "-at"], name="risk_verdict_by_outcome")]

    def __str__(self) -> str:
        return "approved" if self.is_approved else ", ".join(reason["code"] for reason in self.reasons)
