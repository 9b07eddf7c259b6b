"""The lever that the gateway obeys: what may be sent, and the emergency actions it carries out."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.broker.choices import DRILL, EmergencyKind, EmergencyState, Scope, StopEnding, StopSource, TradingPermission
from apps.broker.models.ledger import Order

ENDED = [EmergencyState.DONE, EmergencyState.OTHERS, EmergencyState.ESCALATED, EmergencyState.FAILED]
# In `EmergencyRun.found`: when a cancel of everything went over the data link.
OVER_DATA_LINK = "over_data_link_at"
UNFINISHED = [state for state in EmergencyState if state not in ENDED]
# The gateway has yet to show that the orders are gone; nothing is closed before.
CANCELLING = [state for state in UNFINISHED if state is not EmergencyState.CLOSING]

# Halt drills. All three, so that no real stop is ever taken for one.
DRILLS = Q(came_by=DRILL, scope=Scope.STRATEGY, target=DRILL)


class TradingState(models.Model):
    """What one source says about one scope. The most restrictive row that applies to an order wins.

    `target` is the account's code, the strategy's name or the instrument's conId; empty for everything.
    """

    scope = models.CharField(max_length=10, choices=Scope)
    target = models.CharField(max_length=64, blank=True)
    source = models.CharField(max_length=14, choices=StopSource)
    permission = models.CharField(max_length=8, choices=TradingPermission, default=TradingPermission.ACTIVE)
    reason = models.CharField(max_length=500)
    ending = models.CharField(max_length=16, choices=StopEnding, default=StopEnding.PERSON)
    ends_at = models.DateTimeField(null=True, blank=True)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["scope", "target", "source"]
        permissions = [
            ("halt_trading", "Can halt trading, cancel all and close all"),
            ("resume_trading", "Can resume trading"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["scope", "target", "source"], name="broker_one_trading_state"),
            models.CheckConstraint(
                condition=Q(scope=Scope.EVERYTHING, target="") | (~Q(scope=Scope.EVERYTHING) & ~Q(target="")),
                name="broker_trading_state_names_target",
            ),
            models.CheckConstraint(
                condition=~Q(source=StopSource.MANUAL) | Q(ending=StopEnding.PERSON), name="broker_manual_stop_stays"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.target}: {self.get_permission_display()}"


class EntryProbe(models.Model):
    """One entry that a stop lets through to see whether its cause is over: any, until `order` says which it was.

    Written in the transaction that claims the order. Not announced: the claim itself must not stop its order again.
    """

    state = models.OneToOneField(TradingState, on_delete=models.CASCADE, related_name="probe")
    offered_at = models.DateTimeField(default=timezone.now)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"probe of {self.state}"


class EmergencyRun(models.Model):
    """A halt, resume, cancel-all or close-all: who, why, what was found, what was done, and the broker's last picture.

    `results` has one entry per order or symbol: {"what", "symbol", "done", "detail"}. A drill's `came_by` is `drill`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=EmergencyKind)
    scope = models.CharField(max_length=10, choices=Scope)
    target = models.CharField(max_length=64, blank=True)
    account = models.CharField(max_length=32, blank=True, help_text="Close-all runs once per account.")
    permission = models.CharField(max_length=8, choices=TradingPermission, blank=True, help_text="What a halt sets.")
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=150)
    came_by = models.CharField(max_length=16, help_text="page, admin, api, command, file, limit, broker")
    state = models.CharField(max_length=10, choices=EmergencyState, default=EmergencyState.REQUESTED)
    found = models.JSONField(default=dict, blank=True)
    results = models.JSONField(default=list, blank=True)
    picture = models.JSONField(null=True, blank=True, help_text="What the broker showed at the end.")
    problem = models.CharField(max_length=500, blank=True)
    requested_at = models.DateTimeField(default=timezone.now)
    first_cancel_at = models.DateTimeField(null=True, blank=True)
    last_cancel_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-requested_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(kind=EmergencyKind.CLOSE_ALL) & ~Q(state__in=ENDED),
                name="broker_one_close_all_per_account",
            )
        ]
        indexes = [
            models.Index(fields=["requested_at"], condition=~Q(state__in=ENDED), name="broker_emergency_unfinished")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.get_scope_display()} {self.target}: {self.get_state_display()}"
