"""The weekly login as people hear and see it: one reminder, one escalation, the end of both; countdown and clashes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils.html import escape
from pytest_django import Settings

from apps.broker import selectors
from apps.broker.choices import SessionState
from apps.broker.domain.restart_window import Region, RestartCalendar, RestartWindow
from apps.broker.domain.session import LinkDown, LinkName, LinkUp, SyncEnded
from apps.broker.domain.weekly_login import WeeklyLogin
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.models import GatewaySession
from apps.console.doctor.processes import check_processes
from apps.console.doctor.verdicts import Check, Verdict
from apps.console.doctor.weekly_login import check_times
from apps.console.health.findings import Finding
from apps.console.health.rules import judge
from apps.console.selectors.desk import section_data
from apps.console.selectors.status import platform_status
from apps.console.selectors.weekly_login import duration
from apps.jobs import services as jobs
from apps.jobs.models import JobSchedule
from apps.journal import services as journal
from apps.journal.models import Delivery, Incident
from tests.console.test_health_rules import WELL
from tradeops.lib import clock, crossing
from tradeops.sentinel.watcher import Watcher

LOGIN = WeeklyLogin.parse("SUN 18:00 Europe/Zurich")
DUE = datetime(2026, 3, 8, 17, 0, tzinfo=UTC)
NAME = "weekly login of Sun 2026-03-08 18:00 CET (17:00 UTC)"
KEY = "broker-weekly-login"
NIGHT = RestartCalendar.of(Region.NONE, RestartWindow(time(23, 45), time(0, 15)))


def due(**offset: float) -> datetime:
    return DUE + timedelta(**offset)


class Sunday:
    """A gateway's keeper, the health rules on its row, and the sentinel that tells of them, on one clock."""

    def __init__(self) -> None:
        self.now = due(days=-7, minutes=-5)
        self.keeper = SessionKeeper(NIGHT, values=dict, epoch=lambda: 1, weekly_login=LOGIN)
        self.watcher = Watcher(quiet_seconds=0, destinations=[])

    def login(self) -> None:
        for event in (LinkUp(LinkName.TRADING), LinkUp(LinkName.DATA), SyncEnded()):
            self.keeper.tell(event)

    def drop(self) -> None:
        self.keeper.tell(LinkDown(LinkName.TRADING, "TWS closed the connection.", self.now))

    def at(self, moment: datetime) -> Finding | None:
        """What is found there. The heartbeats of two minutes before have been written, and the sentinel has looked."""
        found = None
        for seconds in range(-130, 1, 10):
            self.now = max(self.now, moment + timedelta(seconds=seconds))
            self.keeper.review()
            asyncio.run(self._write())
            found = self._look()
        return found

    def _look(self) -> Finding | None:
        facts = replace(WELL, now=self.now, session=selectors.session(now=self.now), jobs=(), weekly_login=LOGIN)
        found = [finding for finding in judge(facts) if finding.key == KEY]
        self.watcher._episodes.observe(found, self.now.timestamp())
        self.watcher._tell(self.now.timestamp(), self.now)
        return next(iter(found), None)

    async def _write(self) -> None:
        await self.keeper.write()
        await crossing.in_database(connections.close_all)


@pytest.fixture
def sunday(monkeypatch: pytest.MonkeyPatch, settings: Settings, transactional_db: None) -> Iterator[Sunday]:
    """A week after an appointment that was kept, with a session that has held since."""
    settings.SCHEDULER_WEBHOOK_URL = "https://example.org/hook"
    made: list[Sunday] = []
    now: Callable[[], datetime] = lambda: made[0].now if made else due(days=-7, minutes=-5)  # noqa: E731
    monkeypatch.setattr(clock, "now", now)
    made.append(Sunday())
    made[0].login()
    assert made[0].at(due(days=-7, minutes=5)) is None
    yield made[0]


def severity(finding: Finding | None) -> str:
    return finding.severity if finding else ""


def subjects() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("subject", flat=True))


def test_kept_appointment_is_reminded_of_once_and_over_when_the_session_holds_after_it(sunday: Sunday) -> None:
    assert sunday.at(due(hours=-2, seconds=-1)) is None
    reminder = sunday.at(due(hours=-1, minutes=-50))
    assert reminder is not None and (reminder.sentence, reminder.severity) == (NAME, "warning")
    assert "approve the second factor" in reminder.remedy
    sunday.drop()
    assert severity(sunday.at(due(minutes=-40))) == "warning"
    sunday.login()
    assert severity(sunday.at(due(minutes=-5))) == "warning", "it is proved after the appointment only"
    assert sunday.at(due(minutes=2)) is None
    assert subjects() == [f"Warning: {NAME}", f"Resolved: {NAME}"]
    kept = GatewaySession.objects.get().weekly_login_kept_at
    assert kept is not None and due(seconds=30) <= kept <= due(seconds=40)
    assert sunday.at(due(days=6)) is None and len(subjects()) == 2


def test_login_that_nobody_answered_escalates_once_and_ends_with_the_session(sunday: Sunday) -> None:
    sunday.at(due(hours=-1))
    sunday.drop()
    assert severity(sunday.at(due(minutes=29, seconds=50))) == "warning"
    missed = sunday.at(due(minutes=31))
    assert missed is not None and missed.is_critical and missed.sentence == f"{NAME} not kept: no broker session"
    for hours in (1, 5, 12):
        assert severity(sunday.at(due(hours=hours))) == "critical"
    assert subjects() == [f"Warning: {NAME}", f"Became critical: {NAME}"]
    escalation = Delivery.objects.get(subject__startswith="Became critical")
    assert "Not kept: until there is a broker session" in escalation.body and "Log in to TWS" in escalation.body
    [incident] = Incident.objects.all()
    assert (incident.key, incident.severity, incident.scope) == (KEY, "critical", "health")
    assert set(incident.deliveries.values_list("severity", flat=True)) == {"warning", "critical"}
    sunday.login()
    assert sunday.at(due(hours=12, minutes=4)) is None
    assert subjects()[2:] == [f"Resolved: {NAME}"]
    assert Incident.objects.get().resolved_at is not None


def test_planned_restart_neither_ends_what_was_missed_nor_tells_of_it_again(sunday: Sunday) -> None:
    sunday.at(due(hours=-1))
    sunday.drop()
    sunday.at(due(hours=1))
    sunday.login()
    sunday.drop()
    midnight = due(hours=7)
    sunday.at(midnight)
    told = subjects()
    sunday.at(midnight + timedelta(minutes=30))
    assert subjects() == told and Incident.objects.get().resolved_at is None


def test_reminder_that_a_person_closed_is_not_repeated_and_the_escalation_comes_all_the_same(sunday: Sunday) -> None:
    sunday.at(due(hours=-1, minutes=-50))
    journal.close_incident(incident_id=Incident.objects.get().pk, reason="I am on it", actor="vera", now=sunday.now)
    sunday.drop()
    sunday.at(due(hours=-1))
    sunday.at(due(minutes=10))
    assert Incident.objects.filter(resolved_at=None).count() == 0
    sunday.at(due(minutes=35))
    opened = Incident.objects.get(resolved_at=None)
    assert opened.severity == "critical" and opened.title == f"{NAME} not kept: no broker session"
    assert [subject.split(":")[0] for subject in subjects()] == ["Warning", "Resolved", "Critical"]


def test_session_of_an_old_login_proves_nothing_and_is_no_emergency_until_it_ends(sunday: Sunday) -> None:
    sunday.at(due(hours=-1))
    found = sunday.at(due(hours=2))
    assert found is not None and found.severity == "warning"
    assert "logged in last at Sun 2026-03-01 16:55 UTC" in found.remedy
    assert GatewaySession.objects.get().weekly_login_kept_at < DUE
    sunday.drop()
    assert severity(sunday.at(due(hours=2, minutes=10))) == "critical"


def test_gateway_that_nobody_hears_proves_nothing(sunday: Sunday) -> None:
    silent = replace(
        selectors.session(now=due(hours=1)), running=False, state=SessionState.DISCONNECTED, state_since=due(hours=-1)
    )
    facts = replace(WELL, now=due(hours=1), session=silent, jobs=(), weekly_login=LOGIN)
    assert KEY in {finding.key for finding in judge(facts) if finding.is_critical}
    assert KEY not in {finding.key for finding in judge(replace(facts, weekly_login=None))}


# What is shown.


@pytest.fixture
def shown(settings: Settings, monkeypatch: pytest.MonkeyPatch, db: None) -> Callable[[datetime], datetime]:
    settings.BROKER = replace(settings.BROKER, weekly_login=LOGIN, restarts=NIGHT)

    def at(moment: datetime) -> datetime:
        row = {"state": "ready", "heartbeat_at": moment, "state_since": moment, "settled_at": moment}
        kept = {"weekly_login_kept_at": due(days=-7, minutes=2), "logged_in_at": due(days=-7, hours=-1)}
        GatewaySession.objects.update_or_create(id=1, defaults={**row, **kept})
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    return at


def test_countdown_and_last_proof_are_shown_where_the_session_is(
    shown: Callable[[datetime], datetime], admin_client: Client
) -> None:
    now = shown(due(days=-2, hours=-4))
    words = f"in 2 d 4 h: {LOGIN.name_of(DUE)}; last kept at 2026-03-01 17:02 UTC"
    checks = {check.name: check for check in check_processes()}
    assert (checks["weekly login"].verdict, checks["weekly login"].detail) == (Verdict.OK, f"next {words}")
    section = section_data("session", now=now)["weekly_login"]
    assert (section["due_at"], section["is_open"], section["kept_at"]) == (DUE, False, due(days=-7, minutes=2))
    status = platform_status(now=now)["weekly_login"]
    assert status == {"due_at": DUE.isoformat(), "is_open": False, "kept_at": "2026-03-01T17:02:00+00:00"}
    page = admin_client.get("/connection/").content.decode()
    assert escape(words) in page and "tag-warn" not in page


def test_open_appointment_stands_out(shown: Callable[[datetime], datetime], admin_client: Client) -> None:
    now = shown(due(minutes=40))
    checks = {check.name: check for check in check_processes()}
    assert (checks["weekly login"].verdict, checks["weekly login"].detail) == (Verdict.WARN, NAME)
    assert section_data("session", now=now)["weekly_login"]["is_open"] is True
    page = admin_client.get("/connection/").content.decode()
    assert "tag-warn" in page and "not proved for 40 min" in page


def test_without_an_appointment_nothing_of_it_is_shown(
    shown: Callable[[datetime], datetime], settings: Settings, admin_client: Client
) -> None:
    now = shown(due(minutes=40))
    settings.BROKER = replace(settings.BROKER, weekly_login=None)
    assert "weekly login" not in {check.name for check in check_processes()} and list(check_times()) == []
    assert section_data("session", now=now)["weekly_login"] is None
    assert "weekly_login" not in platform_status(now=now)
    assert "Weekly login" not in admin_client.get("/connection/").content.decode()


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h 0 min"),
        (timedelta(hours=23, minutes=59), "23 h 59 min"),
        (timedelta(days=6, hours=23, minutes=59), "6 d 23 h"),
    ],
)
def test_durations_are_cut_to_what_has_passed(length: timedelta, words: str) -> None:
    assert duration(length) == words


# Whether the times go together.


def clashes() -> dict[Verdict, list[str]]:
    checks: list[Check] = list(check_times())
    return {verdict: [check.detail for check in checks if check.verdict is verdict] for verdict in Verdict}


def test_doctor_warns_of_jobs_that_want_the_broker_before_anybody_has_logged_in(
    shown: Callable[[datetime], datetime],
) -> None:
    now = shown(due(days=-3))
    jobs.ensure_schedules(now=now)
    JobSchedule.objects.update(enabled=False)

    def plan(cron: str, **values: object) -> None:
        JobSchedule.objects.filter(job="daily_snapshot").update(
            **{"cron": cron, "enabled": True, "time_zone": "UTC", **values}
        )

    def said() -> str:
        found = clashes()
        assert (len(found[Verdict.OK]), len(found[Verdict.WARN])) in {(1, 0), (0, 1)}
        return "".join(found[Verdict.WARN])

    plan("35 16 * * mon-fri")
    assert said() == ""
    plan("35 16 * * sun")
    assert "daily_snapshot is due Sun 2026-03-08 16:35 UTC" in said()
    assert "weekend reset (Sat 08:00 UTC) and the weekly login (Sun 17:00 UTC)" in said()
    plan("0 17 * * sun")
    assert said() == "", "in winter at the appointment itself"
    plan("30 7 * * sat")
    assert "due Sat 2026-03-14 07:30 UTC" in said(), "after the reset only once New York has summer time"
    plan("30 16 29 * *")
    assert said() == "", "in Zurich's summer the appointment is at 16:00 UTC"
    plan("30 15 29 * *")
    assert "due Sun 2026-03-29 15:30 UTC" in said(), "a job of each month"
    plan("35 16 * * sun", enabled=False)
    assert said() == ""
    JobSchedule.objects.filter(job="weekly_report").update(cron="35 16 * * sun", enabled=True)
    assert said() == "", "it needs no broker"


def test_doctor_warns_of_an_appointment_inside_a_planned_restart(
    shown: Callable[[datetime], datetime], settings: Settings
) -> None:
    shown(due(days=-3))
    JobSchedule.objects.update(enabled=False)
    settings.BROKER = replace(settings.BROKER, weekly_login=WeeklyLogin.parse("SUN 00:00 UTC"))
    [said] = clashes()[Verdict.WARN]
    assert "weekly login of Sun 2026-03-08 00:00 UTC" in said and "from Sat 23:40 to Sun 00:20 UTC" in said
