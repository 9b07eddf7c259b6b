from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from apps.jobs import registry, selectors
from apps.jobs.domain.calendars import EXCHANGES
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.misfits import misfit
from apps.jobs.models import JobSchedule
from apps.jobs.selectors import PlannedSlot
from apps.jobs.services import schedule_rules
from tradeops.lib import clock

PREVIEW = "_preview"
PREVIEWED = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """When a schedule would run. `note` says what else must be known, or why there is nothing to show.

    `warning`: a run among the next that cannot succeed.
    """

    slots: list[PlannedSlot]
    note: str
    warning: str = ""


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable
    """Sent with `_preview` it is checked and shown again with its next runs, and never saved."""

    calendar = forms.ChoiceField(
        required=False,
        choices=[("", "Every day"), *((code, f"{code} - {found.label}") for code, found in EXCHANGES.items())],
        help_text=JobSchedule._meta.get_field("calendar").help_text,
    )
    depends_on = forms.ChoiceField(required=False, help_text=JobSchedule._meta.get_field("depends_on").help_text)

    class Meta:
        model = JobSchedule
        fields = (
            "cron",
            "time_zone",
            "calendar",
            "minutes_after_close",
            "catch_up",
            "grace_minutes",
            "depends_on",
            "enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "depends_on" in self.fields:
            self.fields["depends_on"] = forms.ChoiceField(
                required=False,
                choices=[("", "No other job"), *((name, name) for name in self._other_jobs())],
                help_text=self.fields["depends_on"].help_text,
            )

    def _other_jobs(self) -> list[str]:
        names = {job.name for job in registry.all_jobs()} | {self.instance.depends_on}
        return sorted(names - {"", self.instance.job})

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        entered = JobSchedule(job=self.instance.job, **{name: cleaned[name] for name in cleaned if name in self.fields})
        for field, problem in schedule_rules.find_problems(schedule=entered, now=clock.now()).items():
            self.add_error(field if field in self.fields else None, problem)
        return cleaned

    def is_valid(self) -> bool:
        return super().is_valid() and PREVIEW not in self.data

    def preview(self) -> Preview:
        """Of what has been entered, or of what is stored when nothing has."""
        if self.is_bound and self.errors:
            return Preview([], "Mend the errors above to see when it would run.")
        schedule, now = self.instance, clock.now()
        try:
            slots = selectors.next_slots(schedule, PREVIEWED, now)
            warning = misfit(schedule, now=now)
        except InvalidSchedule as error:
            return Preview([], str(error))
        return Preview(slots, _note(schedule, slots), warning)


def _note(schedule: JobSchedule, slots: list[PlannedSlot]) -> str:
    if not slots:
        return "Nothing is planned: it runs only when somebody asks."
    off = "" if schedule.enabled else "It is off: these runs happen once it is enabled. "
    waits = f"Each waits until {schedule.depends_on} has succeeded. " if schedule.depends_on else ""
    unused = (
        "The cron is not used: the close decides." if schedule.cron and schedule.minutes_after_close is not None else ""
    )
    return f"{off}{waits}{unused}".strip()
