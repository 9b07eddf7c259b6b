"""What people enter, checked before it reaches a service."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.broker import services
from apps.broker.exceptions import CashFlowError
from apps.broker.models import CashFlow
from tradeops.lib import clock


class CashFlowForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    class Meta:
        model = CashFlow
        fields = ("account", "arrived_at", "amount", "currency", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "currency" in self.fields:
            self.fields["currency"].required = False
            self.fields["currency"].help_text += " Left empty, it is filled in."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if {"account", "arrived_at", "amount"} <= set(cleaned):
            account = cleaned["account"]
            cleaned["currency"] = (cleaned.get("currency") or account.base_currency).upper()
            try:
                services.check_cash_flow(
                    account=account,
                    arrived_at=cleaned["arrived_at"],
                    amount=cleaned["amount"],
                    currency=cleaned["currency"],
                    now=clock.now(),
                )
            except CashFlowError as error:
                self.add_error(None, str(error))
        return cleaned
