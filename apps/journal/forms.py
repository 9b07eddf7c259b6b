"""What people enter about incidents and notice channels."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin.helpers import ActionForm

from apps.journal.exceptions import NoticeFailed
from apps.journal.models import Channel
from apps.journal.outbound.apprise_sender import service_of
from apps.journal.outbound.destinations import WEBHOOK

LONGEST_REASON = 500


class HandleForm(ActionForm):
    """The list's actions, with the reason that goes into the journal."""

    reason = forms.CharField(required=False, max_length=LONGEST_REASON, label="Reason:")


class IncidentForm(forms.Form):
    """One decision about one incident."""

    SNOOZES = ((1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "1 day"), (72, "3 days"), (168, "1 week"))
    decision = forms.ChoiceField(choices=[("acknowledge", "Acknowledge"), ("snooze", "Snooze"), ("resolve", "Resolve")])
    hours = forms.TypedChoiceField(choices=SNOOZES, coerce=int, required=False, empty_value="1", label="Snooze for")
    reason = forms.CharField(required=False, max_length=LONGEST_REASON)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("decision") == "resolve" and not cleaned.get("reason"):
            self.add_error("reason", "Say why it is over: the journal keeps it.")
        return cleaned


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    """The address is never shown: leaving it empty keeps it."""

    url = forms.CharField(
        label="Address",
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text="An Apprise address, such as slack://..., mailto://... or json://host/path. It is stored sealed and "
        "never shown again; empty keeps the one there is.",
    )

    class Meta:
        model = Channel
        fields = ("name", "url", "minimum_severity", "quiet_from", "quiet_to", "time_zone", "enabled")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name == WEBHOOK:
            raise forms.ValidationError("This is the name of the webhook of the environment: choose another.")
        return name

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        if not url and self.instance.pk is None:
            raise forms.ValidationError("Enter the address that notices are sent to.")
        if not url:
            kept: str = self.instance.url
            return kept
        try:
            service_of(url)
        except NoticeFailed as error:
            raise forms.ValidationError(str(error)) from None
        return url

    def clean_time_zone(self) -> str:
        zone: str = self.cleaned_data["time_zone"].strip()
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise forms.ValidationError(f"{zone} is not a time zone: use a name such as Europe/London.") from None
        return zone

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if (cleaned.get("quiet_from") is None) != (cleaned.get("quiet_to") is None):
            self.add_error("quiet_to", "Quiet hours need a beginning and an end, or neither.")
        return cleaned
