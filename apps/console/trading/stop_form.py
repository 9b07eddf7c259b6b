"""What a person chooses who stops trading, or lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Q

from apps.broker.choices import Scope, StopSource, TradingPermission
from apps.broker.domain.orders import AT_RISK
from apps.broker.models import Account, Instrument, Order
from apps.console.selectors.desk import instrument_name

HALT, KILL, CANCEL_ALL, CLOSE_ALL = "halt", "kill", "cancel_all", "close_all"
ACTIONS = [
    (HALT, "Halt", "No new entries. Working entries are cancelled. Orders that protect or close stay."),
    (KILL, "Kill", "Nothing is sent but cancels, and every order is cancelled. Positions stay, unprotected."),
    (CANCEL_ALL, "Cancel all", "Every order is cancelled, those that protect too. Trading goes on afterwards."),
    (CLOSE_ALL, "Close all", "Halt, cancel every order, and close every position at the market."),
]
MOST_TARGETS = 200


@dataclass(frozen=True, slots=True)
class Target:
    scope: Scope
    name: str


class StopForm(forms.Form):
    action = forms.ChoiceField(choices=[(name, label) for name, label, _ in ACTIONS], initial=HALT)
    where = forms.ChoiceField(label="Of what", initial="everything:")
    reason = forms.CharField(
        max_length=500, label="Why", error_messages={"required": "Say why in a few words: it is kept with the receipt."}
    )
    confirmation = forms.CharField(max_length=80, required=False, label="Words of confirmation")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["where"].choices = targets()  # type: ignore[attr-defined]

    def target(self) -> Target:
        scope, _, name = self.cleaned_data["where"].partition(":")
        return Target(Scope(scope), name)


class ResumeForm(forms.Form):
    scope = forms.ChoiceField(choices=Scope.choices, widget=forms.HiddenInput)
    target = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    source = forms.ChoiceField(choices=StopSource.choices, widget=forms.HiddenInput)
    to = forms.ChoiceField(
        choices=[(TradingPermission.ACTIVE, "Active"), (TradingPermission.HALTED, "Halted: closing orders may pass")],
        required=False,
        label="Resume to",
    )
    reason = forms.CharField(
        max_length=500,
        label="What the cause was, and why it is over",
        error_messages={"required": "Name the cause of the stop and why it is over."},
    )
    force = forms.BooleanField(required=False, label="Although ledger and broker are not known to agree")


def targets() -> list[tuple[str, Any]]:
    """Everything first; then what is traded, by name: nobody types a number while it burns."""
    accounts = [(f"{Scope.ACCOUNT}:{code}", f"Account {code}") for code in codes()]
    strategies = [(f"{Scope.STRATEGY}:{name}", f"Strategy {name}") for name in strategies_traded()]
    instruments = [(f"{Scope.INSTRUMENT}:{item.con_id}", instrument_name(item)) for item in instruments_traded()]
    groups = (("Account", accounts), ("Strategy", strategies), ("Instrument", instruments))
    return [(f"{Scope.EVERYTHING}:", "Everything"), *((name, rows) for name, rows in groups if rows)]


def codes() -> list[str]:
    return list(Account.objects.order_by("code").values_list("code", flat=True))


def strategies_traded() -> list[str]:
    names = Order.objects.exclude(strategy="").order_by("strategy").values_list("strategy", flat=True)
    return list(names.distinct()[:MOST_TARGETS])


def instruments_traded() -> list[Instrument]:
    held = Q(positions__isnull=False) & ~Q(positions__quantity=0)
    working = Q(orders__state__in=sorted(AT_RISK)) | Q(broker_orders__is_open=True)
    return list(Instrument.objects.filter(held | working).distinct().order_by("symbol")[:MOST_TARGETS])
