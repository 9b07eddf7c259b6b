from __future__ import annotations

from typing import Any

from django import forms

from apps.strategies import services
from apps.strategies.choices import OtherHoldings
from apps.strategies.domain.parameters import CURRENCIES, MomentumParameters, read_parameters
from apps.strategies.exceptions import InvalidParameters
from apps.strategies.models import ParametersRevision


class RevisionForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    """A new revision, filled in with the active one. Fractions, not percents."""

    top_n = forms.IntegerField(label="Funds to hold")
    momentum_floor = forms.FloatField(help_text="Funds below are never selected: -0.2 for -20 %.")
    hysteresis = forms.BooleanField(required=False, help_text="A holding keeps its place up to the exit rank.")
    exit_rank_threshold = forms.IntegerField(help_text="A holding leaves when its rank is beyond this one.")
    cash_when_fewer = forms.BooleanField(
        required=False, help_text="Places that no fund qualifies for stay cash; else the others share everything."
    )
    max_position_weight = forms.FloatField(help_text="At least 1 / funds to hold: 0.34 for three.")
    trade_threshold = forms.FloatField(help_text="Smallest difference of weights that is worth a trade: 0.02 for 2 %.")
    currency = forms.ChoiceField(choices=[(name, name) for name in CURRENCIES], help_text="Of the lines ranked.")
    other_holdings = forms.ChoiceField(choices=OtherHoldings.choices)
    reason = forms.CharField(max_length=500, help_text="Why: kept with the revision.")
    activate = forms.BooleanField(required=False, initial=True, label="Put in force at once")

    class Meta:
        model = ParametersRevision
        fields = ("reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in services.active_revision().values.items():
            self.fields[name].initial = value

    def parameters(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in MomentumParameters().as_values()}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                read_parameters(self.parameters())
            except InvalidParameters as error:
                raise forms.ValidationError(str(error)) from error
        return cleaned
