"""The shapes of orders on the wire. Prices and quantities are texts: no digit is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.broker.choices import OrderPurpose, OrderState, OrderType, Side, TimeInForce
from apps.broker.models import Order
from apps.console.api.serializers import S
from apps.console.trading import terms

NUMBERS = (
    "quantity",
    "filled_quantity",
    "average_fill_price",
    "limit_price",
    "stop_price",
    "trailing_amount",
    "reference_price",
)
TIMES = ("created_at", "state_since", "expires_at", "approved_at", "submitted_at", "cancel_requested_at")


class Number(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=20, decimal_places=8, **kwargs)

    def to_representation(self, value: Decimal) -> str:
        return f"{value.normalize():f}"


class OrderRequestSerializer(S):
    """What is to be traded, and why. Only what the type of order has may be stated."""

    account = serializers.CharField(max_length=32, required=False, help_text="Default: the account that is traded.")
    con_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    side = serializers.ChoiceField(choices=Side.choices)
    quantity = Number(min_value=Decimal("0.000001"))
    order_type = serializers.ChoiceField(choices=OrderType.choices)
    limit_price = Number(required=False, allow_null=True)
    stop_price = Number(required=False, allow_null=True)
    trailing_amount = Number(required=False, allow_null=True)
    time_in_force = serializers.ChoiceField(choices=TimeInForce.choices, default=TimeInForce.DAY.value)
    outside_regular_hours = serializers.BooleanField(default=False)
    purpose = serializers.ChoiceField(choices=[(item.value, item.label) for item in terms.PURPOSES])
    reason = serializers.CharField(max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError(dict.fromkeys(unknown, "There is no such field."))
        found = terms.problems(attrs)
        if found:
            raise serializers.ValidationError(found)
        return attrs


class ChangesSerializer(S):
    """Only what is to change; quantity is the whole quantity, filled parts included."""

    quantity = Number(required=False, min_value=Decimal("0.000001"))
    limit_price = Number(required=False, min_value=Decimal(0))
    stop_price = Number(required=False, min_value=Decimal(0))
    trailing_amount = Number(required=False, min_value=Decimal(0))
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not set(attrs) - {"reason"}:
            raise serializers.ValidationError({"detail": "Name what is to change: quantity or a price."})
        return attrs


class WhySerializer(S):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class OrderEventSerializer(S):
    at = serializers.DateTimeField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.ChoiceField(choices=OrderState.choices)
    message = serializers.CharField()
    actor = serializers.CharField(allow_blank=True)


class OrderSerializer(S):
    id = serializers.UUIDField()
    idempotency_key = serializers.CharField()
    account = serializers.CharField()
    con_id = serializers.IntegerField()
    symbol = serializers.CharField()
    currency = serializers.CharField()
    side = serializers.ChoiceField(choices=Side.choices)
    order_type = serializers.ChoiceField(choices=OrderType.choices)
    time_in_force = serializers.CharField()
    outside_regular_hours = serializers.BooleanField()
    purpose = serializers.ChoiceField(choices=OrderPurpose.choices)
    strategy = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()
    requested_by = serializers.CharField()
    approved_by = serializers.CharField(allow_null=True)
    is_external = serializers.BooleanField()
    is_collared = serializers.BooleanField()
    state = serializers.ChoiceField(choices=OrderState.choices)
    state_reason = serializers.CharField(allow_blank=True)
    perm_id = serializers.IntegerField(allow_null=True)
    wanted_changes = serializers.DictField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = dict(super().get_fields())
        fields |= {name: Number(allow_null=True) for name in NUMBERS}
        return fields | {name: serializers.DateTimeField(allow_null=True) for name in TIMES}


class OrderStorySerializer(OrderSerializer):
    events = OrderEventSerializer(many=True)


class OrdersSerializer(S):
    orders = OrderSerializer(many=True)
    next_before = serializers.UUIDField(allow_null=True)


def order_row(order: Order) -> dict[str, Any]:
    return dict(OrderSerializer(flat(order)).data)


def order_story(order: Order) -> dict[str, Any]:
    return dict(OrderStorySerializer({**flat(order), "events": list(order.events.all())}).data)


def flat(order: Order) -> dict[str, Any]:
    same = set(OrderSerializer().get_fields()) - {"account", "con_id", "symbol", "currency", "approved_by"}
    return {
        **{name: getattr(order, name) for name in same},
        "account": order.account.code,
        "con_id": order.instrument.con_id,
        "symbol": order.instrument.symbol,
        "currency": order.instrument.currency,
        "approved_by": order.approved_by.get_username() if order.approved_by else None,
    }
