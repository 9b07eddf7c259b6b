"""The order ledger: what was intended, before anything is sent, and all that came of it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side, TimeInForce
from apps.broker.domain.orders import AT_RISK, OPEN
from apps.broker.models.account import Account
from apps.broker.models.instrument import Instrument

NEEDS_LIMIT = [OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_CLOSE]
NEEDS_STOP = [OrderType.STOP, OrderType.STOP_LIMIT]


class Order(models.Model):
    """An intent to trade and its fate. `id` travels to the broker as the order reference.

    Prices are as the exchange quotes them (pence where the instrument's `price_magnifier` is 100); amounts of money
    are in the instrument's currency. `state` changes only along `apps.broker.domain.orders.TRANSITIONS`; the database
    refuses anything else, and any change of what was intended once it has been approved, except a modification that
    the broker has confirmed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    idempotency_key = models.CharField(max_length=100, unique=True, help_text="One intent, one key, for ever.")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="orders")
    side = models.CharField(max_length=4, choices=Side)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    order_type = models.CharField(max_length=8, choices=OrderType)
    limit_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    stop_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    trailing_amount = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    trailing_fraction = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    time_in_force = models.CharField(max_length=3, choices=TimeInForce, default=TimeInForce.DAY)
    outside_regular_hours = models.BooleanField(default=False)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    oca_group = models.CharField(max_length=64, blank=True, help_text="One cancels all: a fill ends the others.")

    is_collared = models.BooleanField(
        default=False, help_text="Given as a market order; its limit is as far as the price collar lets it go."
    )

    purpose = models.CharField(max_length=10, choices=OrderPurpose)
    strategy = models.CharField(max_length=64, blank=True, help_text="Empty: a person's own order.")
    parameters_revision = models.PositiveBigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=150)
    on_behalf_of = models.CharField(
        max_length=150, blank=True, help_text="Whose token gave it: as good as given by this person."
    )
    is_external = models.BooleanField(default=False, help_text="Given in TWS or by another program, and adopted.")

    state = models.CharField(max_length=10, choices=OrderState, default=OrderState.PROPOSED)
    state_reason = models.CharField(max_length=500, blank=True, help_text="One sentence for whoever asks why.")
    state_since = models.DateTimeField(default=timezone.now)
    reference_price = models.DecimalField(
        max_digits=20, decimal_places=8, null=True, blank=True, help_text="The quote when it was proposed."
    )
    reference_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Not sent after this time.")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    approved_at = models.DateTimeField(null=True, blank=True)

    epoch = models.BigIntegerField(null=True, blank=True, help_text="The gateway session that sent it.")
    client_id = models.IntegerField(null=True, blank=True)
    order_id = models.IntegerField(null=True, blank=True, help_text="The client's own number; never a key.")
    perm_id = models.BigIntegerField(null=True, blank=True, unique=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    looks = models.PositiveSmallIntegerField(default=0, help_text="Agreeing looks at the broker while unresolved.")
    looked_at = models.DateTimeField(null=True, blank=True)
    times_sent = models.PositiveSmallIntegerField(default=0)

    filled_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    average_fill_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)

    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    cancel_sent_at = models.DateTimeField(null=True, blank=True)
    wanted_changes = models.JSONField(
        default=dict, blank=True, help_text="A modification that the broker has not confirmed yet."
    )
    modify_sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [
            ("propose_order", "Can propose orders"),
            ("approve_order", "Can approve orders of others"),
            ("cancel_order", "Can cancel orders"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0) | Q(is_external=True), name="broker_order_has_quantity"),
            models.CheckConstraint(
                condition=~Q(order_type__in=NEEDS_LIMIT) | Q(limit_price__isnull=False) | Q(is_external=True),
                name="broker_order_has_limit",
            ),
            models.CheckConstraint(
                condition=~Q(order_type__in=NEEDS_STOP) | Q(stop_price__isnull=False) | Q(is_external=True),
                name="broker_order_has_stop",
            ),
            models.CheckConstraint(
                condition=~Q(order_type=OrderType.TRAILING_STOP)
                | Q(trailing_amount__isnull=False)
                | Q(trailing_fraction__isnull=False)
                | Q(is_external=True),
                name="broker_order_has_trail",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], condition=Q(state__in=sorted(OPEN)), name="broker_order_open"),
            models.Index(
                fields=["account", "instrument"], condition=Q(state__in=sorted(AT_RISK)), name="broker_order_at_risk"
            ),
            models.Index(fields=["strategy", "-created_at"], name="broker_order_strategy"),
            models.Index(fields=["-created_at", "-id"], name="broker_order_newest"),
            models.Index(fields=["-created_at", "-id"], condition=Q(is_external=True), name="broker_order_external"),
            models.Index(fields=["account", "-created_at"], name="broker_order_given"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.instrument} {self.order_type}"


class ExternalOrder(Order):
    """Orders that others gave in our accounts. Those with `is_external`; the table is that of all orders."""

    class Meta:
        proxy = True
        verbose_name = "external activity"
        verbose_name_plural = "external activity"


ASKED_CHANGES = "asked_changes"


class OrderEvent(models.Model):
    """One thing that happened to an order. Append-only: the database refuses update and delete."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    before = models.CharField(max_length=10, choices=OrderState, blank=True)
    after = models.CharField(max_length=10, choices=OrderState)
    message = models.CharField(max_length=500)
    data = models.JSONField(default=dict, blank=True)
    actor = models.CharField(max_length=150, blank=True)
    epoch = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["order", "id"]
        indexes = [
            models.Index(fields=["at"], condition=Q(data__has_key=ASKED_CHANGES), name="broker_event_changes"),
        ]

    def __str__(self) -> str:
        return f"{self.get_after_display()}: {self.message}"
