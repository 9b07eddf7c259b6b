from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm

from apps.console import throttle


class ThrottledLoginForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        account = self.cleaned_data.get("username") or ""
        address = self.request.META.get("REMOTE_ADDR") if self.request else None
        attempt = throttle.begin_attempt(account=account, address=address)
        if attempt is None:
            minutes = throttle.minutes_to_wait(account=account, address=address)
            raise forms.ValidationError(
                f"Too many failed attempts: wait {minutes} minute{'s' if minutes > 1 else ''} and try again. "
                "The attempts are in the journal."
            )
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            throttle.fail_attempt(attempt)
            raise
        throttle.forget_attempts(account=account, address=address)
        return cleaned or {}
