"""The ticket on which a person gives an order."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.broker import selectors as broker
from apps.broker.choices import OrderPurpose, OrderType, Side, TimeInForce
from apps.broker.models import Account
from apps.console.trading import terms

PURPOSE_WORDS = {
    OrderPurpose.ENTRY: "Opens or adds",
    OrderPurpose.EXIT: "Closes or reduces",
    OrderPurpose.PROTECTIVE: "Protects (stop)",
}
SMALLEST = Decimal("0.000001")


def number(
    *, required: bool = False, label: str, decimals: int = 8, least: Decimal | None = None
) -> forms.DecimalField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.DecimalField(
        required=required, label=label, max_digits=20, decimal_places=decimals, min_value=least, widget=widget
    )


class TicketForm(forms.Form):
    """`key` makes one order of a form that is sent twice."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    con_id = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    account = forms.ModelChoiceField(Account.objects.none(), empty_label=None, to_field_name="code")
    side = forms.ChoiceField(choices=Side.choices, widget=forms.RadioSelect)
    quantity = number(required=True, label="Quantity", decimals=6, least=SMALLEST)
    order_type = forms.ChoiceField(choices=OrderType.choices, label="Type", initial=OrderType.LIMIT)
    limit_price = number(label="Limit price")
    stop_price = number(label="Stop price")
    trailing_amount = number(label="Trails by (price)")
    time_in_force = forms.ChoiceField(choices=TimeInForce.choices, label="Valid", initial=TimeInForce.DAY)
    outside_regular_hours = forms.BooleanField(required=False, label="Also outside regular hours")
    purpose = forms.ChoiceField(choices=[(item, PURPOSE_WORDS[item]) for item in terms.PURPOSES], label="What for")
    reason = forms.CharField(
        max_length=500,
        label="Why",
        help_text="Kept with the order and your name.",
        error_messages={"required": "Say why in a few words."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts: QuerySet[Account] = Account.objects.order_by("code")
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("order_type"):
            return values
        for name, problem in terms.problems(values).items():
            if name not in self.errors:
                self.add_error(name, problem)
        return values


def fresh_ticket(con_id: int, values: dict[str, Any]) -> TicketForm:
    account = broker.default_account()
    given = {name: value for name, value in values.items() if name in TicketForm.base_fields}
    initial = {"side": Side.BUY, "account": account.code if account else None, **given}
    return TicketForm(initial={**initial, "key": uuid.uuid4().hex, "con_id": con_id})


class ChangeForm(forms.Form):
    """Only what differs from the order is asked for."""

    quantity = number(label="Quantity", decimals=6, least=SMALLEST)
    limit_price = number(label="Limit price", least=Decimal(0))
    stop_price = number(label="Stop price", least=Decimal(0))
    trailing_amount = number(label="Trails by (price)", least=Decimal(0))
    reason = forms.CharField(max_length=300, required=False, label="Why (optional)")

    def __init__(self, *args: Any, order: Any, **kwargs: Any) -> None:
        self.order = order
        super().__init__(*args, **kwargs)
        for name in (*terms.PRICES, "quantity"):
            value = getattr(order, name)
            if value is None:
                del self.fields[name]
            else:
                self.fields[name].initial = f"{value.normalize():f}"
                self.fields[name].required = True

    def changes(self) -> dict[str, Decimal]:
        wanted = {name: self.cleaned_data[name] for name in self.fields if name != "reason"}
        return {name: value for name, value in wanted.items() if value != getattr(self.order, name)}
