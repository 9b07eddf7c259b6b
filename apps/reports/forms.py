"""What people enter, checked before it reaches a service."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.broker.models import Account
from apps.reports.choices import ReportKind
from apps.reports.domain import periods
from apps.reports.exceptions import InvalidPeriod

DATE = forms.DateInput(attrs={"type": "date"})


class MakeReportForm(forms.Form):
    account = forms.ModelChoiceField(Account.objects.all(), empty_label=None)
    kind = forms.ChoiceField(choices=ReportKind.choices)
    period = forms.CharField(max_length=10, help_text="A week as 2026-W05, a month as 2026-01.")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "kind" in cleaned and "period" in cleaned:
            try:
                cleaned["period"] = periods.parse(ReportKind(cleaned["kind"]), cleaned["period"])
            except InvalidPeriod as error:
                self.add_error("period", str(error))
        return cleaned


class PerformanceForm(forms.Form):
    """Which account and which dates the performance page shows."""

    account = forms.ModelChoiceField(
        Account.objects.all(),
        to_field_name="code",
        required=False,
        empty_label=None,
        error_messages={"invalid_choice": "There is no such account."},
    )
    first = forms.DateField(label="From", required=False, widget=DATE)
    last = forms.DateField(label="To", required=False, widget=DATE)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            self.add_error("last", "This lies before the first date.")
        return cleaned
