from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from apps.broker.choices import Scope
from apps.broker.models import Instrument
from apps.risk.choices import LimitName
from apps.risk.domain.limits import CATALOGUE
from apps.risk.exceptions import LimitError
from apps.risk.models import LimitRevision, Restriction
from apps.risk.services.limits import check_change


class LimitForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    """A change of a limit, checked by the rules that the service applies."""

    value = forms.DecimalField(help_text="Fractions, not percents: 0.25 for 25 %.")
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text="Why: kept with it.")
    expires_at = forms.SplitDateTimeField(
        required=False, label="Ends at (UTC)", help_text="For an exception. What held before holds again then."
    )

    user: User

    class Meta:
        model = LimitRevision
        fields = ("name", "scope", "target", "value", "reason", "expires_at")
        help_texts = {"target": "The account, the strategy or the contract id; empty for everything."}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            kind = CATALOGUE[LimitName(cleaned["name"])]
            given = cleaned["value"], cleaned["reason"], self.user, Scope(cleaned["scope"]), cleaned["target"]
            try:
                check_change(kind, *given, cleaned["expires_at"])
            except LimitError as error:
                raise forms.ValidationError(str(error)) from error
        return cleaned

    def validate_constraints(self) -> None:
        """One row in force and one that waits: the service sees to it."""


class RestrictionForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    class Meta:
        model = Restriction
        fields = ("con_id", "person", "strategy", "reason")

    def clean_con_id(self) -> int:
        con_id: int = self.cleaned_data["con_id"]
        if con_id and not Instrument.objects.filter(con_id=con_id).exists():
            raise forms.ValidationError(f"No instrument with the contract id {con_id} is known.")
        return con_id

    def clean_person(self) -> str:
        name: str = self.cleaned_data["person"]
        if name and not User.objects.filter(username=name).exists():
            raise forms.ValidationError(f"There is no user {name!r}.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        of = {name: cleaned.get(name) for name in ("con_id", "person", "strategy")}
        if not self.errors and not any(of.values()):
            raise forms.ValidationError("Name an instrument, a person or a strategy. To stop everything, halt.")
        if not self.errors and Restriction.objects.filter(**of, lifted_at=None).exists():
            raise forms.ValidationError("It is restricted already.")
        return cleaned

    def validate_constraints(self) -> None:
        """Checked above, in words."""
