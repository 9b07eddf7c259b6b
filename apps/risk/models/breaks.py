"""Where the ledger and the broker disagree, and what was done about it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.broker.models import Account, HoldingChange, Instrument
from apps.risk.choices import BreakKind, BreakState, RunTrigger

UNENDED = [BreakState.SETTLING, BreakState.OPEN]


class ReconciliationRun(models.Model):
    """One comparison of an account's ledger with the broker. A verdict of None: nobody can say, `problem` tells why."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    trigger = models.CharField(max_length=10, choices=RunTrigger)
    requested_by = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    positions_match = models.BooleanField(null=True)
    orders_match = models.BooleanField(null=True)
    executions_match = models.BooleanField(null=True)
    account_matches = models.BooleanField(null=True)
    problem = models.CharField(max_length=500, blank=True)
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        default_permissions = ("view",)
        permissions = [("run_reconciliation", "Can reconcile on demand")]
        indexes = [models.Index(fields=["account", "-started_at"], name="risk_reconciliation_newest")]

    def __str__(self) -> str:
        return f"{self.account or 'no account'} {self.started_at:%Y-%m-%d %H:%M:%S}: {self.verdict}"

    @property
    def verdicts(self) -> tuple[bool | None, ...]:
        """Of the parts that were asked for."""
        parts = (self.positions_match, self.orders_match, self.executions_match)
        return parts if self.trigger == RunTrigger.WATCH else (*parts, self.account_matches)

    @property
    def is_clean(self) -> bool | None:
        """None where a part is not known."""
        if any(verdict is False for verdict in self.verdicts):
            return False
        return None if self.problem or any(verdict is None for verdict in self.verdicts) else True

    @property
    def verdict(self) -> str:
        return {True: "agree", False: "differ", None: "unknown"}[self.is_clean]


class Break(models.Model):
    """One difference, from when it was first seen until both sides agree twice or a person books a correction.

    `subject` names what differs within its kind: a conId, a permanent id, an account value's tag. Values are texts:
    quantities, states or amounts; "" where a side has nothing of the kind.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="breaks")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="breaks", null=True, blank=True)
    kind = models.CharField(max_length=10, choices=BreakKind)
    subject = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    ledger_value = models.CharField(max_length=64, blank=True)
    broker_value = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=BreakState, default=BreakState.OPEN)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    seen = models.PositiveIntegerField(default=1)
    agreed = models.PositiveSmallIntegerField(default=0, help_text="Comparisons in a row in which both sides agreed.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)
    ending = models.CharField(max_length=500, blank=True)
    correction = models.ForeignKey(HoldingChange, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = [models.F("ended_at").desc(nulls_first=True), "-first_seen_at"]
        default_permissions = ("view",)
        permissions = [("book_correction", "Can book corrections of the ledger")]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "subject"], condition=Q(state__in=UNENDED), name="risk_one_open_break"
            )
        ]

    def __str__(self) -> str:
        return self.title


class OpeningBalance(models.Model):
    """What the broker held beyond all known executions at the adoption of the account. Written once.

    position of the ledger = opening balance + executions + holding changes (expiries, assignments, corrections).
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="opening_balances")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="opening_balances")
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    average_cost = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["account", "instrument"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["account", "instrument"], name="risk_one_opening")]

    def __str__(self) -> str:
        return f"{self.account}: {self.quantity.normalize():+f} {self.instrument}"


class Adoption(models.Model):
    """The first synchronisation: from here on the ledger answers for the account's positions."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="adoption")
    at = models.DateTimeField(default=timezone.now)
    positions = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.account}: {self.positions} positions adopted"
