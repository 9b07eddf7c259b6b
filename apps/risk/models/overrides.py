from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.broker.models import Order


class OrderOverride(models.Model):
    """One order that a person let pass beyond limits, once. The database refuses to change or delete it.

    `denied` is the order as the limits denied it, `order` the one that was given in its place; `codes` are the denials
    that do not count for it until `expires_at`.
    """

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="override")
    denied = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="overridden_by")
    codes = models.JSONField()
    reason = models.CharField(max_length=500)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-granted_at", "-id"]

    def __str__(self) -> str:
        return f"{self.granted_by}: {', '.join(self.codes)}"
