"""Checks of what runs: the rules that /health and the sentinel use, with what to say where they find nothing wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from apps.console.doctor.verdicts import Check, fail, ok, warn
from apps.console.health.facts import Facts, JobFacts
from apps.console.health.findings import Finding
from apps.console.health.rules import judge, living_and_dead
from apps.console.selectors.health import gather_facts
from apps.console.selectors.weekly_login import in_words, weekly_login_view
from apps.journal.choices import ProcessKind
from tradeops.lib import clock

# What other checks of the doctor say already, with more detail.
SAID_ELSEWHERE = frozenset({"clock", "disk"})
NAMES = {"broker-session": "session", "broker-weekly-login": "weekly login", "queue": "worker"}


def check_processes() -> Iterator[Check]:
    facts = gather_facts(now=clock.now())
    findings = [finding for finding in judge(facts) if finding.topic not in SAID_ELSEWHERE]
    found = [check_of(finding) for finding in findings]
    names = {check.name for check in found}
    for name, detail in praise(facts):
        said = [check for check in found if check.name == name]
        yield from said or [ok(name, detail)]
        names.discard(name)
    yield from (check for check in found if check.name in names)


def check_of(finding: Finding) -> Check:
    verdict = fail if finding.is_critical else warn
    return verdict(name_of(finding), finding.sentence, finding.remedy)


def name_of(finding: Finding) -> str:
    job = finding.key.partition(":")[2]
    return f"job {job}" if job else NAMES.get(finding.key, finding.key)


def praise(facts: Facts) -> Iterator[tuple[str, str]]:
    """What each check says when nothing is wrong with it."""
    yield "gateway", heard(facts.session.heartbeat_at)
    yield "session", f"{facts.session.state}{': ' + facts.session.reason if facts.session.reason else ''}"
    if facts.session.clock_offset is not None and facts.session.clock_as_of is not None:
        seconds, at = abs(facts.session.clock_offset), facts.session.clock_as_of
        yield "broker-clock", f"{seconds:.1f} s apart from the broker at {at:%H:%M:%S} UTC"
    login = weekly_login_view(facts.session, now=facts.now)
    if login is not None:
        yield "weekly login", f"next {in_words(login, now=facts.now)}"
    worker = facts.worker
    proven = f", queue proven at {worker.canary_at:%H:%M:%S} UTC" if worker.canary_at else ""
    yield "worker", f"{worker.busy} of {worker.workers} busy{proven}"
    for kind in ProcessKind:
        yield kind.value, f"{len(living_and_dead(facts, kind)[0])} running"
    for job in facts.jobs:
        yield f"job {job.name}", praise_of_job(job)


def praise_of_job(job: JobFacts) -> str:
    following = f"next {job.due_at:%Y-%m-%d %H:%M} UTC" if job.due_at else "by hand only"
    return f"{job.state or 'never run'}, {following}" if job.enabled else "switched off"


def heard(at: datetime | None) -> str:
    return f"heard at {at:%H:%M:%S} UTC" if at else "never heard of"
