"""The health rules, one by one, on facts made by hand. No clock, no database."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.broker.choices import SessionState, TradingMode
from apps.broker.selectors import SessionView
from apps.console.health.facts import Facts, JobFacts, ProcessFacts
from apps.console.health.rules import is_bot_running, judge, replaced_processes
from apps.jobs.selectors import WorkerState
from apps.journal.choices import ProcessKind

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


SESSION = SessionView(
    state=SessionState.READY,
    reason="",
    state_since=ago(hours=3),
    heartbeat_at=NOW,
    running=True,
    mode=TradingMode.PAPER,
    epoch=1,
    host="127.0.0.1",
    port=7497,
    trading_link_up=True,
    data_link_up=True,
    synchronised_at=ago(hours=3),
)
WORKER = WorkerState(
    is_alive=True, reason="", heartbeat_at=NOW, canary_at=NOW, started_at=ago(hours=3), workers=2, busy=0
)
JOB = JobFacts(
    name="daily_snapshot",
    enabled=True,
    due_at=NOW + timedelta(hours=23),
    grace=timedelta(hours=1),
    may_wait=False,
    state="succeeded",
    slot=ago(minutes=25),
    expected_at=ago(minutes=25),
    started_at=ago(minutes=25),
    ended_at=ago(minutes=24),
)


def process(kind: str, **changes: Any) -> ProcessFacts:
    made = ProcessFacts(
        name=f"{kind}-1", kind=kind, host="here", is_active=True, started_at=ago(hours=3), heartbeat_at=ago(seconds=2)
    )
    return replace(made, **changes)


WEB, SENTINEL = process(ProcessKind.WEB), process(ProcessKind.SENTINEL)
WELL = Facts(
    now=NOW,
    session=SESSION,
    worker=WORKER,
    processes=(WEB, SENTINEL),
    jobs=(JOB,),
    jobs_paused_at=None,
    clock_skew_seconds=0.1,
    free_bytes=50 << 30,
)


def found(**changes: Any) -> list[tuple[str, str]]:
    return [(finding.key, str(finding.severity)) for finding in judge(replace(WELL, **changes))]


def session(state: SessionState = SessionState.READY, **changes: Any) -> dict[str, SessionView]:
    return {"session": replace(SESSION, state=state, **changes)}


def job(**changes: Any) -> dict[str, tuple[JobFacts, ...]]:
    return {"jobs": (replace(JOB, **changes),)}


def test_nothing_is_found_when_all_is_well() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (session(running=False, state=SessionState.DISCONNECTED), [("gateway", "critical")]),
        (session(SessionState.DISCONNECTED, state_since=ago(seconds=59)), []),
        (session(SessionState.DISCONNECTED, state_since=ago(seconds=61)), [("broker-session", "warning")]),
        (session(SessionState.DISCONNECTED, state_since=ago(seconds=301)), [("broker-session", "critical")]),
        (session(SessionState.BROKER_LOST, state_since=ago(seconds=301)), [("broker-session", "critical")]),
        (session(SessionState.REFUSED, state_since=ago(seconds=301)), [("broker-session", "critical")]),
        (session(SessionState.PLANNED_RESTART, state_since=ago(hours=1)), []),
        (session(SessionState.DATA_DEGRADED, state_since=ago(seconds=299)), []),
        (session(SessionState.DATA_DEGRADED, state_since=ago(seconds=301)), [("broker-session", "warning")]),
        (session(SessionState.COMPETING_SESSION, state_since=ago(seconds=301)), [("broker-session", "warning")]),
        (session(SessionState.RECONCILING, state_since=ago(seconds=299)), []),
        (session(SessionState.STARTING, state_since=ago(seconds=301)), [("broker-session", "warning")]),
    ],
)
def test_gateway_is_judged_by_its_heartbeat_and_by_how_long_its_state_lasts(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert found(**changes) == expected


@pytest.mark.parametrize(("workers", "key"), [(0, "worker"), (2, "queue")])
def test_dead_worker_and_unproven_queue_are_told_apart(workers: int, key: str) -> None:
    assert found(worker=replace(WORKER, is_alive=False, reason="why", workers=workers)) == [(key, "critical")]


@pytest.mark.mission(131)
@pytest.mark.parametrize("gateway_runs", [True, False])
@pytest.mark.parametrize("worker_lives", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_bot_that_does_not_run_is_critical_and_only_then(gateway_runs: bool, worker_lives: bool, workers: int) -> None:
    """The metric `bot_running` and the findings say the same."""
    facts = replace(
        WELL,
        session=replace(SESSION, running=gateway_runs),
        worker=replace(WORKER, is_alive=worker_lives, workers=workers, reason="why"),
    )
    causes = {finding.key for finding in judge(facts) if finding.is_critical}
    assert causes <= {"gateway", "worker", "queue"}
    assert bool(causes) is not is_bot_running(facts.session, facts.worker)


@pytest.mark.parametrize(
    ("skew", "expected"),
    [(2.0, []), (2.1, [("clock", "warning")]), (10.1, [("clock", "critical")])],
)
def test_clocks_that_are_apart_are_told_of(skew: float, expected: list[tuple[str, str]]) -> None:
    assert found(clock_skew_seconds=skew) == expected
    for offset in (skew, -skew):
        told = found(session=replace(SESSION, clock_offset=offset))
        assert told == [(f"broker-{key}", severity) for key, severity in expected]


@pytest.mark.parametrize(
    ("free", "expected"),
    [(5 << 30, []), ((5 << 30) - 1, [("disk", "warning")]), ((1 << 30) - 1, [("disk", "critical")])],
)
def test_full_disk_is_told_of_before_it_stops_the_database(free: int, expected: list[tuple[str, str]]) -> None:
    assert found(free_bytes=free) == expected


SILENT = {"heartbeat_at": ago(seconds=16)}
DEAD_WEB = process(ProcessKind.WEB, name="web-2", **SILENT)
NEW_WEB = process(ProcessKind.WEB, name="web-3", started_at=ago(seconds=10))
DEAD_WORKER = process("worker", **SILENT)
DEAD_SENTINEL = process(ProcessKind.SENTINEL, name="sentinel-2", **SILENT)


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        ((WEB,), [("sentinel", "critical")]),
        ((SENTINEL,), [("web", "critical")]),
        ((replace(WEB, heartbeat_at=ago(seconds=15)), SENTINEL), []),
        ((replace(WEB, **SILENT), SENTINEL), [("web", "critical")]),
        ((WEB, DEAD_WEB, SENTINEL), [("web", "warning")]),
        ((WEB, DEAD_WEB, NEW_WEB, SENTINEL), []),
        ((WEB, replace(DEAD_WEB, host="there"), NEW_WEB, SENTINEL), [("web", "warning")]),
        ((WEB, SENTINEL, DEAD_SENTINEL), [("sentinel", "warning")]),
        ((WEB, SENTINEL, DEAD_WORKER), [("worker", "warning")]),
        ((WEB, SENTINEL, DEAD_WORKER, process("worker", started_at=ago(seconds=9))), []),
        ((WEB, replace(SENTINEL, is_active=False)), [("sentinel", "warning")]),
    ],
)
def test_processes_are_judged_by_their_heartbeats(
    processes: tuple[ProcessFacts, ...], expected: list[tuple[str, str]]
) -> None:
    assert found(processes=processes) == expected


def test_process_is_replaced_by_one_of_its_kind_that_started_later_on_its_host() -> None:
    def replaced(*others: ProcessFacts) -> list[str]:
        return replaced_processes(replace(WELL, processes=(DEAD_WEB, *others)))

    assert replaced(NEW_WEB) == ["web-2"]
    assert replaced(WEB) == []
    assert replaced(replace(NEW_WEB, host="there")) == []
    assert replaced(replace(NEW_WEB, kind=ProcessKind.SENTINEL)) == []


QUEUED = {"state": "queued", "started_at": None, "ended_at": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"due_at": ago(minutes=5)}, []),
        ({"due_at": ago(minutes=6)}, [("job-overdue:daily_snapshot", "warning")]),
        ({"due_at": ago(minutes=61)}, [("job-overdue:daily_snapshot", "critical")]),
        ({"due_at": ago(minutes=2), "grace": timedelta(minutes=1)}, [("job-overdue:daily_snapshot", "critical")]),
        ({"due_at": ago(minutes=6), "may_wait": True}, []),
        ({"due_at": ago(minutes=61), "may_wait": True}, [("job-overdue:daily_snapshot", "critical")]),
        ({"due_at": ago(days=1), "enabled": False}, []),
        ({"due_at": None, "state": ""}, []),
        ({**QUEUED, "expected_at": ago(minutes=6)}, [("job-overdue:daily_snapshot", "warning")]),
        ({**QUEUED, "expected_at": ago(seconds=10)}, []),
        ({"state": "running", "ended_at": None, "expected_at": ago(hours=2)}, []),
        ({"state": "waiting-retry", "ended_at": None}, []),
        ({"state": "running", "ended_at": None, "slot": ago(minutes=61)}, [("job-unended:daily_snapshot", "warning")]),
        ({"state": "running", "ended_at": None, "slot": None}, []),
        ({"state": "failed"}, [("job:daily_snapshot", "warning")]),
        ({"state": "errored"}, [("job:daily_snapshot", "warning")]),
        ({"state": "missed"}, [("job-missed:daily_snapshot", "warning")]),
        ({"state": "skipped"}, []),
        ({"state": "cancelled"}, []),
        ({"state": "failed", "enabled": False}, []),
    ],
)
def test_jobs_are_late_by_the_clock_whether_or_not_anything_runs(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert found(**job(**changes)) == expected


def test_pause_of_all_jobs_is_shown_and_nothing_is_late_meanwhile() -> None:
    late = job(due_at=ago(hours=2))
    assert found(**late, jobs_paused_at=ago(hours=3)) == [("jobs-paused", "info")]
    assert found(**late, jobs_paused_at=ago(hours=25)) == [("jobs-paused", "warning")]


def test_worst_comes_first_and_every_finding_says_what_to_do() -> None:
    findings = judge(
        replace(
            WELL,
            processes=(),
            worker=replace(WORKER, is_alive=False, reason="no worker is running", workers=0),
            clock_skew_seconds=3,
            free_bytes=0,
            jobs_paused_at=ago(hours=1),
            **session(running=False, state=SessionState.DISCONNECTED),
            **job(state="failed"),
        )
    )
    ranks = [("critical", "warning", "info").index(finding.severity) for finding in findings]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}
    assert len({finding.key for finding in findings}) == len(findings)
    assert {finding.topic for finding in findings} <= documented_topics()
    assert all(finding.sentence and finding.remedy for finding in findings)


def documented_topics() -> set[str]:
    section = (ROOT / "docs" / "runbook.md").read_text().split("## The sentinel says ...")[1].split("\n## ")[0]
    return {key for row in re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE) for key in re.findall("`(.+?)`", row)}


def test_runbook_knows_every_key_that_the_rules_can_give() -> None:
    source = (ROOT / "apps" / "console" / "health" / "rules.py").read_text()
    keys = set(re.findall(r"(?:critical|warning|info|level)\S*\(f?\"([a-z-]+)", source)) | {
        "database",
        "broker-session",
    }
    assert len(keys) > 10
    assert keys <= documented_topics()
