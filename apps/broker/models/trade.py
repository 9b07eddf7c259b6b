from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.broker.choices import HoldingChangeKind, TradeDirection
from apps.broker.models.account import Account
from apps.broker.models.instrument import Instrument


class Trade(models.Model):
    """A round trip, derived from executions first in, first out: never edited, always computable anew.

    Prices per unit as quoted; money in the instrument's `currency`, times its multiplier, pence already turned into
    the currency. `net_pnl` is after commissions; `net_pnl_base` in the account's currency at `exchange_rate`, None
    where the rate is unknown. Open while `closed_at` is None: then the P&L is of the part that was closed. Results are
    None while a part of it ended at a price that nobody has stated: an option that was settled in cash, a correction.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="trades")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="trades")
    direction = models.CharField(max_length=5, choices=TradeDirection)
    strategy = models.CharField(max_length=64, blank=True)
    number = models.PositiveIntegerField(help_text="Counts the round trips of the instrument in the account.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    quantity = models.DecimalField(max_digits=20, decimal_places=6, help_text="The largest that was held.")
    open_quantity = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    entry_price = models.DecimalField(max_digits=20, decimal_places=8)
    exit_price = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    gross_pnl = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    commissions = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    net_pnl = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True, help_text="Empty: not known.")
    currency = models.CharField(max_length=3)
    commissions_known = models.BooleanField(default=True, help_text="False while a commission report is missing.")
    net_pnl_base = models.DecimalField(max_digits=20, decimal_places=4, null=True, blank=True)
    base_currency = models.CharField(max_length=3, blank=True)
    exchange_rate = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    ending = models.CharField(max_length=12, blank=True, help_text="execution, assignment, expiry")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument", "number"], name="broker_one_trade_number"),
        ]
        indexes = [
            models.Index(fields=["-opened_at", "-id"], name="broker_trade_newest"),
            models.Index(
                fields=["account", "instrument"], condition=models.Q(closed_at=None), name="broker_trade_open"
            ),
            models.Index(fields=["account", "-closed_at"], name="broker_trade_closed"),
            models.Index(fields=["strategy", "-closed_at"], name="broker_trade_strategy"),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.quantity.normalize():f} {self.instrument}"


class Closing(models.Model):
    """What one order took back of what another had opened, on one day in New York: the round trips of reports.

    Written with its trade and as derived as that. Money in the trade's currency; `net_base` as `Trade.net_pnl_base`;
    `exit_value` and `net` are None while the price at which it ended is not known.
    """

    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="closings")
    entry_order = models.CharField(max_length=64, help_text="The permanent id of the order, else the execution's id.")
    exit_order = models.CharField(max_length=64, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(db_index=True)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    entry_value = models.DecimalField(max_digits=24, decimal_places=8)
    exit_value = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    commission = models.DecimalField(max_digits=20, decimal_places=8)
    net = models.DecimalField(
        max_digits=24,
        decimal_places=8,
        null=True,
        blank=True,
        help_text="After the commissions of both sides; empty: not known.",
    )
    commissions_known = models.BooleanField(default=True)
    exchange_rate = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    net_base = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)

    class Meta:
        ordering = ["-closed_at", "-id"]

    def __str__(self) -> str:
        net = "result not known" if self.net is None else f"{self.net:.2f}"
        return f"{self.quantity.normalize():f} closed at {self.closed_at:%Y-%m-%d %H:%M:%S}: {net}"


class UnmatchedClosing(models.Model):
    """What was closed against a holding of unknown cost: derived as trades are, and in no trade's result."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="unmatched_closings")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="unmatched_closings")
    at = models.DateTimeField()
    quantity = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["account", "at"], name="broker_unmatched_closed")]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.instrument} closed at {self.at:%Y-%m-%d %H:%M:%S}, cost not known"


class PairingCheckpoint(models.Model):
    """Where the pairing of an instrument's fills goes on: what those before `at`, a midnight in New York, left behind.

    Derived as trades are, and only of the last midnights; `apps.broker.services.pairing_checkpoints` reads and writes
    `lots` and `trip`, numbers in them as text.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    number = models.PositiveIntegerField(help_text="So many trades of the instrument were over.")
    lots = models.JSONField(help_text="What is held, the oldest first.")
    trip = models.JSONField(null=True, help_text="What the trade that is open has come to.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["account", "instrument", "at"], name="broker_one_pairing_checkpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} at {self.at:%Y-%m-%d %H:%M}"


class HoldingChange(models.Model):
    """A change of a holding that no execution tells of; trades are derived from executions and these.

    Every instrument that was traded has one `opening`, with quantity 0 where nothing was held before: written once,
    when executions and positions of the broker were quiet and could be compared.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="holding_changes")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="holding_changes")
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=HoldingChangeKind)
    quantity = models.DecimalField(max_digits=20, decimal_places=6, help_text="Signed.")
    price = models.DecimalField(
        max_digits=20, decimal_places=8, null=True, blank=True, help_text="As quoted; empty: unknown."
    )
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "instrument"],
                condition=models.Q(kind=HoldingChangeKind.OPENING),
                name="broker_one_opening",
            ),
            models.UniqueConstraint(
                fields=["account", "instrument", "at", "reason"],
                condition=~models.Q(kind=HoldingChangeKind.OPENING),
                name="broker_one_holding_change",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.quantity.normalize():f} {self.instrument}"


class ExchangeRate(models.Model):
    """What one unit of the currency was worth in the account's, as the broker last stated it in a quarter of an hour.

    `at` is the beginning of that quarter.
    """

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="exchange_rates")
    currency = models.CharField(max_length=8)
    at = models.DateTimeField()
    rate = models.DecimalField(max_digits=18, decimal_places=8)

    class Meta:
        ordering = ["account", "currency", "at"]
        constraints = [models.UniqueConstraint(fields=["account", "currency", "at"], name="broker_one_exchange_rate")]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate.normalize():f} at {self.at:%Y-%m-%d %H:%M}"
