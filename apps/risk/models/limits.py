"""Limits as revisions: nothing is overwritten, and what holds at a time can always be said."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.broker.choices import Scope
from apps.risk.choices import LimitName, RevisionState


class LimitRevision(models.Model):
    """One value of a limit in one scope. In force while `state` is active, from `effective_at` until `expires_at`.

    A loosening waits as pending until a second person approves it or, where there is none, until it has cooled off
    (`effective_at`). A revision that expires leaves the one before it in force (`replaces`).
    """

    name = models.CharField(max_length=32, choices=LimitName)
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.EVERYTHING)
    target = models.CharField(max_length=64, blank=True)
    value = models.DecimalField(max_digits=24, decimal_places=8)
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=RevisionState)
    loosens = models.BooleanField(default=False)
    proposed_by = models.CharField(max_length=150)
    proposed_at = models.DateTimeField(default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    effective_at = models.DateTimeField(null=True, blank=True, help_text="Pending: when it has cooled off.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Every exception ends.")
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["name", "scope", "target", "-id"]
        permissions = [("change_limits", "Can propose changes of limits"), ("approve_limits", "Can approve loosening")]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "scope", "target"], condition=Q(state="active"), name="risk_one_active_limit"
            ),
            models.UniqueConstraint(
                fields=["name", "scope", "target"], condition=Q(state="pending"), name="risk_one_pending_limit"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("proposed_at")), name="risk_limit_ends_later"
            ),
        ]

    def __str__(self) -> str:
        where = f" {self.scope} {self.target}" if self.target else ""
        return f"{self.name}{where} = {self.value.normalize():f}"


class Restriction(models.Model):
    """What may not be entered, and by whom: an instrument, all that a person or a strategy gives, or both together.

    `con_id` 0 is every instrument; `person` and `strategy` empty are everybody. Orders by a token are its person's.
    """

    con_id = models.BigIntegerField(default=0, verbose_name="contract id", help_text="0: every instrument.")
    symbol = models.CharField(max_length=32, blank=True)
    person = models.CharField(max_length=150, blank=True, help_text="The username; empty: whoever gives it.")
    strategy = models.CharField(max_length=64, blank=True, help_text="Empty: every strategy, and people.")
    reason = models.CharField(max_length=500)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(default=timezone.now)
    lifted_by = models.CharField(max_length=150, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["symbol", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["con_id", "person", "strategy"],
                condition=Q(lifted_at__isnull=True),
                name="risk_one_restriction_of_a_kind",
            ),
            models.CheckConstraint(
                condition=~Q(con_id=0) | ~Q(person="") | ~Q(strategy=""), name="risk_restriction_of_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"

    @property
    def what(self) -> str:
        """What is restricted, in words."""
        whom = [self.person] if self.person else []
        whom += [f"strategy {self.strategy}"] if self.strategy else []
        return " by ".join([self.symbol or "every instrument", *whom])
