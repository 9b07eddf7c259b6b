from __future__ import annotations

from typing import Any

from django import forms

from apps.jobs.domain import cron as cron_domain
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobSchedule


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    class Meta:
        model = JobSchedule
        fields = ("cron", "time_zone", "enabled")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self._check("cron", lambda cron: cron_domain.check_cron(cron) if cron else None)
        self._check("time_zone", cron_domain.find_zone)
        return cleaned

    def _check(self, field: str, check: Any) -> None:
        try:
            check(self.cleaned_data.get(field) or "")
        except InvalidSchedule as error:
            self.add_error(field, str(error))
