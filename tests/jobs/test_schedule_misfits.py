"""A schedule inside the broker's planned restart is told of, with a better time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from apps.broker import selectors as broker
from apps.broker.domain.restart_window import Region, RestartCalendar, RestartWindow
from apps.console.doctor.data import check_planned_outages
from apps.console.doctor.verdicts import Verdict
from apps.jobs import registry, services
from apps.jobs.misfits import misfit
from apps.jobs.models import JobSchedule
from tradeops.lib import clock

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOTHING = RestartWindow(time(0), time(0))
SATURDAYS = "Sat 2026-03-07 05:00 UTC, inside the broker's planned restart from Sat 03:55 to Sat 08:05 UTC"


@pytest.fixture(autouse=True)
def region(settings: LazySettings) -> None:
    settings.BROKER = replace(settings.BROKER, restarts=RestartCalendar.of(Region.AMERICA, NOTHING))


@pytest.fixture(autouse=True)
def needy() -> Iterator[None]:
    for name, outage in (("needs_broker", broker.planned_outage), ("needs_nothing", None)):
        registry.register(
            replace(registry.find("weekly_report"), name=name, aliases=(), planned_outage=outage, depends_on="")
        )
    yield
    for name in ("needs_broker", "needs_nothing"):
        registry.unregister(name)


def planned(cron: str, job: str = "needs_broker", **fields: object) -> JobSchedule:
    return JobSchedule(job=job, **({"cron": cron, "time_zone": "America/New_York"} | fields))


def test_slot_that_cannot_succeed_names_the_window_and_a_better_time() -> None:
    said = misfit(planned("0 0 * * *"), now=MONDAY)
    assert SATURDAYS in said and "needs_broker" in said and "120 min" in said
    assert said.endswith("A better time: 03:05 EST or later.")


def test_job_that_outwaits_the_window_fits_and_so_does_one_that_needs_nothing() -> None:
    assert misfit(planned("30 1 * * *"), now=MONDAY) == "", "95 min before the end"
    assert misfit(planned("0 12 * * *"), now=MONDAY) == ""
    assert misfit(planned("0 0 * * mon-fri"), now=MONDAY) == "", "a night's reset is shorter than the wait"
    assert misfit(planned("0 0 * * *", job="needs_nothing"), now=MONDAY) == ""
    assert misfit(planned("0 0 * * *", job="of an earlier version"), now=MONDAY) == ""
    assert misfit(planned(""), now=MONDAY) == ""


def test_window_around_a_moment_agrees_with_whether_it_is_contained() -> None:
    calendar = RestartCalendar.of(Region.ASIA, RestartWindow(time(23, 45), time(0, 15)))
    moments = [MONDAY + timedelta(minutes=7 * step) for step in range(1500)]
    around = {moment: calendar.around(moment) for moment in moments}
    assert all((span is not None) is calendar.contains(moment) for moment, span in around.items())
    assert all(span[0] <= moment < span[1] for moment, span in around.items() if span is not None)
    assert {span is None for span in around.values()} == {True, False}


def test_doctor_and_page_say_it(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    services.ensure_schedules(now=clock.now())
    schedule = JobSchedule.objects.get(job="daily_snapshot")
    monkeypatch.setattr(clock, "now", lambda: MONDAY)
    assert check_planned_outages().verdict is Verdict.OK
    JobSchedule.objects.filter(pk=schedule.pk).update(cron="0 0 * * *", time_zone="America/New_York")
    check = check_planned_outages()
    assert check.verdict is Verdict.WARN and SATURDAYS in check.detail
    page = admin_client.get(reverse("admin:jobs_jobschedule_change", args=[schedule.pk])).content.decode()
    assert "planned restart from Sat 03:55 to Sat 08:05 UTC" in page and "03:05 EST or later" in page
