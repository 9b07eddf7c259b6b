"""The broker's picture of orders and executions."""

from __future__ import annotations

from django.db import models

from apps.broker.choices import Side
from apps.broker.models.account import Account
from apps.broker.models.instrument import Instrument


class BrokerOrder(models.Model):
    """An order as the broker shows it, known by its permId. `is_open` falls only when the broker says so."""

    perm_id = models.BigIntegerField(unique=True)
    order_id = models.IntegerField(help_text="The client's own number; used again after a restart, never a key.")
    client_id = models.IntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="broker_orders")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="broker_orders")
    side = models.CharField(max_length=4, choices=Side)
    order_type = models.CharField(max_length=16)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    filled = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    remaining = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    limit_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    aux_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    average_fill_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    time_in_force = models.CharField(max_length=8, blank=True)
    status = models.CharField(max_length=24)
    is_open = models.BooleanField(default=True, db_index=True)
    order_ref = models.CharField(max_length=64, blank=True, db_index=True)
    oca_group = models.CharField(max_length=64, blank=True)
    parent_perm_id = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, help_text="The broker's words when it refused or cancelled.")
    epoch = models.BigIntegerField(default=0, help_text="The gateway session that saw it last.")
    first_seen_at = models.DateTimeField()
    as_of = models.DateTimeField()

    class Meta:
        ordering = ["-first_seen_at"]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.instrument} {self.order_type}"


class Execution(models.Model):
    """A fill. `exec_id` is unique for ever; a correction carries the same `exec_key` with a higher `revision`."""

    exec_id = models.CharField(max_length=64, unique=True)
    exec_key = models.CharField(max_length=64, db_index=True)
    revision = models.PositiveIntegerField(default=1)
    is_current = models.BooleanField(default=True, help_text="False once a correction has replaced it.")
    perm_id = models.BigIntegerField(db_index=True)
    order_id = models.IntegerField()
    client_id = models.IntegerField()
    order_ref = models.CharField(max_length=64, blank=True, db_index=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="executions")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="executions")
    side = models.CharField(max_length=4, choices=Side)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=20, decimal_places=8)
    exchange = models.CharField(max_length=32, blank=True)
    executed_at = models.DateTimeField(db_index=True)
    cumulative_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    average_price = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    as_of = models.DateTimeField()

    class Meta:
        ordering = ["-executed_at", "exec_id"]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity.normalize():f} {self.instrument} at {self.price.normalize():f}"


class Commission(models.Model):
    """The commission report of an execution; `realized_pnl` None for opening trades."""

    execution = models.OneToOneField(Execution, on_delete=models.PROTECT, related_name="commission")
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    currency = models.CharField(max_length=3)
    realized_pnl = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    as_of = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
