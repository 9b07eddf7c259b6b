"""The gateway's session with Interactive Brokers, and the unlock that live trading needs."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.broker.choices import SessionState, TradingMode


class GatewaySession(models.Model):
    """The one row (id 1) in which the gateway says how it stands. A stale `heartbeat_at` means: nobody knows."""

    ONLY = 1

    state = models.CharField(max_length=20, choices=SessionState, default=SessionState.STARTING)
    reason = models.CharField(max_length=300, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The last moment at which a session had held for 30 s, or a planned restart explained its absence.",
    )
    logged_in_at = models.DateTimeField(null=True, blank=True, help_text="The trading link's latest login.")
    weekly_login_kept_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the last weekly login that was kept was proved: a session with a login of about then had held "
        "after it.",
    )
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    epoch = models.BigIntegerField(default=0, help_text="Counts connections to the broker; grows with every login.")
    mode = models.CharField(max_length=5, choices=TradingMode, default=TradingMode.PAPER)
    host = models.CharField(max_length=255, blank=True)
    port = models.PositiveIntegerField(default=0)
    trading_link_up = models.BooleanField(default=False)
    data_link_up = models.BooleanField(default=False)
    server_version = models.PositiveIntegerField(null=True, blank=True)
    synchronised_at = models.DateTimeField(null=True, blank=True, help_text="The last complete resynchronisation.")
    clock_offset = models.FloatField(
        null=True, blank=True, help_text="Seconds by which the broker's clock is certainly ahead of the gateway's."
    )
    clock_as_of = models.DateTimeField(null=True, blank=True)
    lines_in_use = models.PositiveIntegerField(default=0)
    queue_depth = models.PositiveIntegerField(default=0)
    decode_errors = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="broker_session_is_one_row")]

    def __str__(self) -> str:
        return f"{self.get_mode_display()} session: {self.get_state_display()}"


class LiveUnlock(models.Model):
    """The recorded decision of two people that live trading is allowed; of one, where nobody else may decide it.

    It holds while it is active and confirmed. Revoked, it stays as history.
    """

    unlocked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    unlocked_at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=500)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it waits for a second person.")
    is_active = models.BooleanField(default=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-unlocked_at"]
        permissions = [("unlock_live", "Can unlock live trading")]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="broker_one_live_unlock"
            )
        ]

    def __str__(self) -> str:
        return f"Live unlock by {self.unlocked_by} at {self.unlocked_at:%Y-%m-%d %H:%M} UTC"
