"""Who is told, and what came of telling them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.journal.choices import DeliveryState, Severity
from apps.journal.domain.quiet_hours import QuietHours
from apps.journal.fields import EncryptedTextField, Unreadable
from apps.journal.models.incidents import Incident


class Channel(models.Model):
    """Where notices go, beside the webhook of SCHEDULER_WEBHOOK_URL. The address is a secret: sealed, never shown."""

    name = models.CharField(max_length=64, unique=True)
    url = EncryptedTextField(
        "address", help_text="An Apprise address, such as slack://..., mailto://... or json://host/path."
    )
    minimum_severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    quiet_from = models.TimeField(
        null=True, blank=True, help_text="From here on only critical notices are sent; the others wait."
    )
    quiet_to = models.TimeField(null=True, blank=True, help_text="Until here; may lie past midnight.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="Of the quiet hours, such as Europe/London.")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "notice channel"
        permissions = [("test_channel", "Can send test notices")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quiet_from__isnull=True, quiet_to__isnull=True)
                | models.Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="journal_quiet_hours_have_both_ends",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """The address's scheme; of the rest, any part may be secret."""
        return "" if isinstance(self.url, Unreadable) else self.url.partition("://")[0]

    @property
    def quiet_hours(self) -> QuietHours | None:
        if self.quiet_from is None or self.quiet_to is None:
            return None
        return QuietHours(self.quiet_from, self.quiet_to, self.time_zone)


class Delivery(models.Model):
    """One notice on its way to one place: a channel, or without one the webhook of SCHEDULER_WEBHOOK_URL.

    While it is being sent, only the holder of `lease_owner` may write to it, and others leave it alone until
    `lease_until`. The attempt is counted and committed before anything is sent.
    """

    key = models.CharField(max_length=200, blank=True, help_text="A notice of this key is sent once only.")
    channel = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, blank=True, related_name="deliveries")
    place = models.CharField(max_length=64, help_text="The channel's name, or webhook.")
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True, blank=True, related_name="deliveries")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.INFO)
    created_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The HTTP status of the answer.")
    error = models.TextField(blank=True, help_text="Why the last attempt failed.")

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "notice"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["key", "place"], condition=~models.Q(key=""), name="journal_one_delivery_per_key_and_place"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="journal_delivery_due",
                condition=models.Q(state=DeliveryState.PENDING),
            ),
            models.Index(fields=["-created_at", "-id"], name="journal_delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.place}"
