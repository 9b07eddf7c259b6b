"""The sentinel's parts: when people are told and when not, who holds the watch, and who outside hears of it."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from apps.console.health.findings import Finding, critical, info, warning
from apps.journal import services as journal
from apps.journal.models import Event, Incident
from tests.processes.webhook import Webhook
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.sentinel import background, systemd
from tradeops.sentinel.episodes import SEE_AGAIN_SECONDS, SETTLE_SECONDS, Episodes
from tradeops.sentinel.lock import SentinelLock
from tradeops.sentinel.outage import Outage
from tradeops.sentinel.watcher import Watcher

DISK = critical("disk", "disk full", "free some")
GATEWAY = critical("gateway", "gateway silent", "start it", patience=5)


def told(episodes: Episodes, now: float, *findings: Finding) -> list[str]:
    """What is told in a turn at `now` that finds `findings`."""
    episodes.observe(findings, now)
    due = episodes.to_tell(now)
    for finding in due:
        episodes.told(finding, now)
    return [finding.key for finding in due]


def test_finding_is_told_once_and_then_confirmed_each_minute() -> None:
    episodes = Episodes(quiet_until=0)
    times = [float(second) for second in range(0, 130, 2)]
    assert [at for at in times if told(episodes, at, DISK)] == [0, SEE_AGAIN_SECONDS, 2 * SEE_AGAIN_SECONDS]


def test_finding_that_becomes_worse_is_told_at_once() -> None:
    episodes = Episodes(quiet_until=0)
    assert told(episodes, 0, warning("disk", "disk filling", "free some")) == ["disk"]
    assert told(episodes, 2, DISK) == ["disk"]
    assert told(episodes, 4, DISK) == []


def test_patience_lets_what_mends_itself_pass() -> None:
    episodes = Episodes(quiet_until=0)
    assert [told(episodes, at, GATEWAY) for at in (0, 2, 4)] == [[], [], []]
    assert [told(episodes, at) for at in (6, 6 + SETTLE_SECONDS)] == [[], []]
    assert [told(episodes, 20 + at, GATEWAY) for at in (0, 2, 4, 6)] == [[], [], [], ["gateway"]]


def test_flicker_neither_ends_an_episode_nor_begins_a_new_one() -> None:
    episodes = Episodes(quiet_until=0)
    assert told(episodes, 0, DISK) == ["disk"]
    assert told(episodes, 2) == []
    assert episodes.over(["disk"]) == []
    assert told(episodes, 4, DISK) == []
    assert told(episodes, 6) == []
    assert episodes.over(["disk"]) == []
    assert told(episodes, 6 + SETTLE_SECONDS) == []
    assert episodes.over(["disk"]) == ["disk"]


def test_sentinel_that_was_kept_waiting_between_two_looks_still_tells() -> None:
    episodes = Episodes(quiet_until=0)
    assert told(episodes, 0, GATEWAY) == []
    assert told(episodes, 45, GATEWAY) == ["gateway"]


def test_incident_of_a_former_sentinel_ends_when_its_cause_is_gone() -> None:
    assert Episodes(quiet_until=0).over(["gateway"]) == ["gateway"]


def test_platform_that_comes_up_is_given_time_and_a_full_disk_is_not() -> None:
    episodes = Episodes(quiet_until=20)
    silent = critical("worker", "no worker is running", "start it")
    assert told(episodes, 0, silent, DISK) == ["disk"]
    assert told(episodes, 18, silent, DISK) == []
    assert told(episodes, 20, silent, DISK) == ["worker"]


def test_mere_note_is_nobodys_incident() -> None:
    assert told(Episodes(quiet_until=0), 0, info("jobs-paused", "paused", "resume")) == []


@pytest.mark.django_db(transaction=True)
def test_frozen_holder_loses_the_lock() -> None:
    frozen, standby = SentinelLock(), SentinelLock()
    assert frozen.hold()
    assert frozen.hold()
    assert not standby.hold()
    standby.end_holder()
    assert wait_for(standby.hold, seconds=5)
    assert not frozen.hold()
    standby.release()
    assert wait_for(frozen.hold, seconds=5)
    frozen.release()


@pytest.mark.django_db
def test_missed_slot_that_a_person_has_dealt_with_is_not_told_again() -> None:
    now = clock.now()
    watcher = Watcher(quiet_seconds=0, destinations=[])
    missed = warning("job-missed:daily_snapshot", "missed", "run it", happened_at=now - timedelta(hours=1))
    watcher._episodes.observe([missed, DISK], 0)
    assert watcher._is_ours(missed, False)
    incident = journal.open_incident(key=missed.key, title="missed", scope="health")
    journal.close_incident(incident_id=incident.pk, reason="ran it by hand", actor="vera")
    assert not watcher._is_ours(missed, False)
    assert watcher._is_ours(DISK, False)
    assert not watcher._is_ours(warning("job:daily_snapshot", "failed", "see"), False)


@pytest.mark.django_db
@pytest.mark.parametrize("was_told", [True, False])
def test_outage_that_nobody_could_be_told_of_is_told_afterwards(was_told: bool, settings: Settings) -> None:
    settings.SCHEDULER_WEBHOOK_URL = "https://example.org/hook"
    now = clock.now()
    outage = Outage(began_at=now - timedelta(minutes=2), reason="refused")
    outage.was_told = was_told
    outage.catch_up(now)
    incident = Incident.objects.get(key="database")
    assert (incident.opened_at, incident.resolved_at) == (outage.began_at, now)
    subjects = list(incident.deliveries.order_by("id").values_list("subject", flat=True))
    assert subjects == ["Critical: database unavailable"] * (not was_told) + ["Resolved: database unavailable"]


@pytest.mark.django_db(transaction=True)
def test_ping_that_fails_is_written_down_once_until_it_is_reached_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    monkeypatch.setattr(background, "PING_SECONDS", 0.01)
    monkeypatch.setattr(background, "LOOK_SECONDS", 0.01)
    stopping = threading.Event()
    with Webhook() as outside:
        outside.status = 500
        url = outside.url + "secret-path"
        pinging = threading.Thread(target=background.ping, args=[url, stopping, lambda: True])
        pinging.start()
        try:
            wait_for(lambda: len(outside.pings) >= 5)
            outside.status = 204
            wait_for(lambda: Event.objects.filter(step="Ping").count() == 2, seconds=5)
        finally:
            stopping.set()
            pinging.join()
    messages = list(Event.objects.filter(step="Ping").order_by("id").values_list("message", flat=True))
    assert messages == [
        "SENTINEL_PING_URL is not reached: it answered 500",
        "SENTINEL_PING_URL is reached again",
    ]


def test_systemd_hears_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        systemd.notify("WATCHDOG=1")
        assert manager.recv(100) == b"WATCHDOG=1"
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("WATCHDOG=1")
