"""Who may come in: tokens of machines, and the failed attempts of people."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.console.choices import Role


class ApiToken(models.Model):
    """A machine's key. Only its SHA-256 is stored; `prefix` is what people recognise it by."""

    name = models.CharField(max_length=64)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=8, choices=Role)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose it is: what it orders this person does not approve alone.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: does not expire.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(revoked_at__isnull=True), name="console_one_active_token_per_name"
            )
        ]
        default_permissions = ("view",)
        permissions = [
            ("view_desk", "May watch the desk and read the API"),
            ("trade", "May propose orders and run jobs"),
            ("manage_risk", "May change limits and release halts"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"


class LoginAttempt(models.Model):
    """A password that was tried and not found right. Rows older than the window mean nothing."""

    account = models.CharField(max_length=150)
    address = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["account", "address", "at"], name="console_login_attempt")]

    def __str__(self) -> str:
        return f"{self.account} from {self.address}"


class LogFile(models.Model):
    """No table: gives the log folder its page in the control room, and that page its permission."""

    name = models.CharField(max_length=200, primary_key=True)

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "log file"

    def __str__(self) -> str:
        return self.name
