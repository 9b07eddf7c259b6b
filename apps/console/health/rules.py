"""The health rules. Each looks at the facts alone: what is late is late by the clock, whether or not anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from apps.broker.choices import SessionState
from apps.broker.domain.weekly_login import EXPECTED_FOR, REMINDED_BEFORE, WeeklyLogin
from apps.broker.selectors import SessionView
from apps.console.health.facts import WORKER, Facts, JobFacts, ProcessFacts
from apps.console.health.findings import Finding, critical, info, warning, worst_first
from apps.jobs.choices import UNSUCCESSFUL, RunState
from apps.jobs.selectors import WorkerState
from apps.journal.choices import ProcessKind

# Short losses are the gateway's daily bread; the planned restart is none.
PATIENCE_WITH_BROKER = timedelta(minutes=1)
LONGEST_PATIENCE_WITH_BROKER = timedelta(minutes=5)
AWAY = frozenset({SessionState.DISCONNECTED, SessionState.BROKER_LOST, SessionState.REFUSED})
IMPAIRED = frozenset({SessionState.DATA_DEGRADED, SessionState.COMPETING_SESSION})
UNREADY = frozenset({SessionState.STARTING, SessionState.RECONCILING})

# Web, sentinel and worker write at least every 3 seconds.
HEARTBEAT_FRESH = timedelta(seconds=15)
UNENDED = (RunState.RUNNING, RunState.WAITING_RETRY)
# What usually mends itself sooner is not told of: a supervisor starts again what died, a queue proves itself.
RESTART_SECONDS = 5.0
QUEUE_START_SECONDS = 30.0
FLICKER_SECONDS = 10.0
# A session proves itself within half a minute.
PROOF_SECONDS = 60.0
# The dispatcher needs milliseconds.
LATE_AFTER = timedelta(minutes=5)
LONG_PAUSE = timedelta(hours=24)

LARGEST_SKEW_SECONDS = 2.0
INTOLERABLE_SKEW_SECONDS = 10.0
LEAST_FREE_BYTES = 1 << 30
COMFORTABLE_FREE_BYTES = 5 << 30

FIND_OUT = "The page `Broker connection` (/connection/) or `manage.py doctor --connection` finds where it fails."
LOG_IN = (
    "Log in to TWS or IB Gateway and approve the second factor in IBKR Mobile; if its notice went unnoticed, restart "
    "TWS or IB Gateway. Nothing is entered here: a session that holds afterwards is the proof."
)
START = "Start it with `manage.py up`, or its systemd unit; its last log lines say why it ended."


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Everything that is wrong, worst first; empty when all is well."""
    return worst_first(finding for rule in RULES for finding in rule(facts))


def judge_clock(facts: Facts) -> Iterator[Finding]:
    skew = facts.clock_skew_seconds
    if skew > LARGEST_SKEW_SECONDS:
        level = critical if skew > INTOLERABLE_SKEW_SECONDS else warning
        sentence = f"this machine's clock and the database's are {skew:.1f} s apart"
        yield level("clock", sentence, "Synchronise both machines' clocks (NTP).", patience=FLICKER_SECONDS)


def judge_broker_clock(facts: Facts) -> Iterator[Finding]:
    offset = facts.session.clock_offset
    if offset is not None and abs(offset) > LARGEST_SKEW_SECONDS:
        level = critical if abs(offset) > INTOLERABLE_SKEW_SECONDS else warning
        sentence = f"the broker's clock and the gateway's machine are {abs(offset):.1f} s apart"
        remedy = "Synchronise the clock of the gateway's machine (NTP): entries are denied meanwhile."
        yield level("broker-clock", sentence, remedy, patience=FLICKER_SECONDS)


def judge_disk(facts: Facts) -> Iterator[Finding]:
    sentence = f"{facts.free_bytes / (1 << 30):.1f} GiB free where TradeOps keeps its files"
    if facts.free_bytes < LEAST_FREE_BYTES:
        yield critical("disk", sentence, "Free some space: below 1 GiB the database may stop.")
    elif facts.free_bytes < COMFORTABLE_FREE_BYTES:
        yield warning("disk", sentence, "Free some space soon.")


def is_bot_running(session: SessionView, worker: WorkerState) -> bool:
    """The bot is the gateway, which trades, and the worker, which runs what decides. Either missing is critical."""
    return session.running and worker.is_alive


def judge_gateway(facts: Facts) -> Iterator[Finding]:
    if facts.session.is_stale:
        yield critical("gateway", "the gateway's heartbeat is stale", START, patience=RESTART_SECONDS)


def judge_session(facts: Facts) -> Iterator[Finding]:
    """A state that changes all the time is judged by when a session last held: each change begins a state anew."""
    session = facts.session
    if session.is_stale or session.state is SessionState.PLANNED_RESTART:
        return
    lasts = facts.now - session.state_since
    absent_since = absence(session)
    absent = facts.now - absent_since if absent_since is not None else timedelta(0)
    since = f"since {session.state_since:%Y-%m-%d %H:%M} UTC"
    if session.state in AWAY and absent > PATIENCE_WITH_BROKER:
        level = critical if absent > LONGEST_PATIENCE_WITH_BROKER else warning
        yield level("broker-session", f"no broker session since {absent_since:%Y-%m-%d %H:%M} UTC", FIND_OUT)
    elif session.state in UNREADY and lasts > LONGEST_PATIENCE_WITH_BROKER:
        remedy = "Restart the gateway; if it stays, its log says which answer of the broker is missing."
        yield warning("broker-session", f"the gateway has been {session.state.label.lower()} {since}", remedy)
    elif session.state not in AWAY and absent - lasts > PATIENCE_WITH_BROKER:
        sentence = f"no broker session has held since {absent_since:%Y-%m-%d %H:%M} UTC"
        yield warning("broker-session", sentence, FIND_OUT)
    elif session.state in IMPAIRED and lasts > LONGEST_PATIENCE_WITH_BROKER:
        remedy = f"{session.reason} See the runbook: Read the session state. Entries wait until it is ready again."
        yield warning("broker-session", f"{session.state.label.lower()} {since}", remedy.strip())


def absence(session: SessionView) -> datetime | None:
    """Since when no session has held; None when nothing is known but that there is one now."""
    known = session.settled_at
    if session.is_following:
        return known
    return session.state_since if known is None else min(known, session.state_since)


def judge_weekly_login(facts: Facts) -> Iterator[Finding]:
    """One warning from two hours before, which becomes critical once where no session is there half an hour after."""
    plan = facts.weekly_login
    if plan is None:
        return
    appointment = plan.open_at(facts.now, kept_at=facts.session.weekly_login_kept_at)
    if appointment is None:
        return
    sentence = f"weekly login of {plan.name_of(appointment)}"
    if facts.now >= appointment + EXPECTED_FOR and is_away(facts):
        # The notice of what became worse bears the reminder's title: what is wrong must stand here, too.
        remedy = f"Not kept: until there is a broker session no order leaves, and jobs that need it fail. {LOG_IN}"
        yield critical("broker-weekly-login", f"{sentence} not kept: no broker session", remedy)
    else:
        # A reminder that a person has closed is not given twice; that it was not kept is.
        told_from = appointment - REMINDED_BEFORE
        remedy = what_proves(facts, plan, appointment)
        yield warning("broker-weekly-login", sentence, remedy, patience=PROOF_SECONDS, happened_at=told_from)


def what_proves(facts: Facts, plan: WeeklyLogin, appointment: datetime) -> str:
    """What is still to be done for the appointment."""
    session = facts.session
    if facts.now < appointment or not session.is_following:
        return LOG_IN
    login = session.logged_in_at
    if login is None or plan.kept_by(logged_in_at=login, held_at=facts.now) is None:
        seen = f"logged in last at {login:%a %Y-%m-%d %H:%M} UTC" if login else "has not been seen to log in"
        return f"A session is there, but the trading link {seen}: an old login may end at any restart. {LOG_IN}"
    return (
        f"Nothing: logged in at {login:%a %Y-%m-%d %H:%M} UTC, proved once the session has held for 30 s. If this "
        "stays, restart the gateway, which was started with another IBKR_WEEKLY_LOGIN."
    )


def is_away(facts: Facts) -> bool:
    """Is there no session, and for longer than its flickers and planned restarts last?"""
    session, since = facts.session, absence(facts.session)
    if session.is_following or session.state is SessionState.PLANNED_RESTART or since is None:
        return False
    return facts.now - since > PATIENCE_WITH_BROKER


def judge_worker(facts: Facts) -> Iterator[Finding]:
    worker = facts.worker
    _, dead = living_and_dead(facts, WORKER)
    if worker.is_alive:
        if dead:
            yield warning("worker", f"workers died: {names_of(dead)}", START, patience=RESTART_SECONDS)
    elif worker.workers:
        remedy = "The worker replaces a wedged queue within a minute. If this stays, restart the worker."
        yield critical("queue", worker.reason, remedy, patience=QUEUE_START_SECONDS)
    else:
        yield critical("worker", worker.reason, START)


def judge_web(facts: Facts) -> Iterator[Finding]:
    fresh, dead = living_and_dead(facts, ProcessKind.WEB)
    if not fresh:
        yield critical("web", "no web process is running", START, patience=RESTART_SECONDS)
    elif dead:
        yield warning("web", f"web processes died: {names_of(dead)}", START, patience=RESTART_SECONDS)


def judge_sentinel(facts: Facts) -> Iterator[Finding]:
    fresh, dead = living_and_dead(facts, ProcessKind.SENTINEL)
    if not fresh:
        yield critical("sentinel", "no sentinel is running: nobody would be told of a failure", START)
    elif not any(process.is_active for process in fresh):
        yield warning(
            "sentinel", "every sentinel is on standby", "Restart the sentinels: none holds the lock.", patience=20
        )
    elif dead:
        yield warning("sentinel", f"sentinels died: {names_of(dead)}", START, patience=RESTART_SECONDS)


def judge_pause(facts: Facts) -> Iterator[Finding]:
    if facts.jobs_paused_at is not None:
        level = warning if facts.now - facts.jobs_paused_at > LONG_PAUSE else info
        since = f"{facts.jobs_paused_at:%Y-%m-%d %H:%M} UTC"
        yield level("jobs-paused", f"all schedules are paused since {since}", "Resume them on the jobs page.")


def judge_jobs(facts: Facts) -> Iterator[Finding]:
    for job in facts.jobs:
        yield from judge_job(job, facts)


def judge_job(job: JobFacts, facts: Facts) -> Iterator[Finding]:
    late = late_since(job, facts)
    if late is not None:
        level = critical if facts.now - late > job.grace else warning
        remedy = f"Is the worker alive? `manage.py run_job {job.name}` runs it now."
        yield level(f"job-overdue:{job.name}", f"{job.name} is overdue: due {late:%Y-%m-%d %H:%M} UTC", remedy)
    if not job.enabled:
        return
    if job.state in UNENDED and job.slot is not None and facts.now - job.slot > job.grace:
        remedy = "Its run page shows how far it is, and can ask it to stop."
        sentence = f"{job.name} has not ended: due {job.slot:%Y-%m-%d %H:%M} UTC"
        yield warning(f"job-unended:{job.name}", sentence, remedy)
    if job.state == RunState.MISSED:
        when = f" at {job.slot:%Y-%m-%d %H:%M} UTC" if job.slot else ""
        remedy = f"Its run page says why. If it is still wanted: `manage.py run_job {job.name}`."
        yield warning(f"job-missed:{job.name}", f"{job.name} was not run{when}", remedy, happened_at=job.slot)
    elif job.state in UNSUCCESSFUL:
        when = f" at {job.ended_at:%Y-%m-%d %H:%M} UTC" if job.ended_at else ""
        remedy = f"See its run in the admin, then `manage.py run_job {job.name}`."
        yield warning(f"job:{job.name}", f"{job.name} failed{when}", remedy)


def late_since(job: JobFacts, facts: Facts) -> datetime | None:
    """The moment the job should have begun, if it is late by now; None when it is not."""
    patience = job.grace if job.may_wait else min(LATE_AFTER, job.grace)
    is_due = job.enabled and facts.jobs_paused_at is None
    waits = job.state == RunState.QUEUED and job.started_at is None
    candidates = [job.due_at if is_due else None, job.expected_at if waits else None]
    return min((at for at in candidates if at is not None and facts.now - at > patience), default=None)


def living_and_dead(facts: Facts, kind: str) -> tuple[list[ProcessFacts], list[ProcessFacts]]:
    """Those heard of lately, and those that fell silent without anybody taking their place on their host."""
    processes = [process for process in facts.processes if process.kind == kind]
    fresh = [process for process in processes if facts.now - process.heartbeat_at <= HEARTBEAT_FRESH]
    silent = [process for process in processes if process not in fresh]
    return fresh, [process for process in silent if not is_replaced(process, fresh)]


def names_of(processes: list[ProcessFacts]) -> str:
    return ", ".join(process.name for process in processes)


def replaced_processes(facts: Facts) -> list[str]:
    """The names of those whose place another one has taken: nobody needs to hear of them any more."""
    fresh = [process for process in facts.processes if facts.now - process.heartbeat_at <= HEARTBEAT_FRESH]
    return [process.name for process in facts.processes if process not in fresh and is_replaced(process, fresh)]


def is_replaced(process: ProcessFacts, fresh: list[ProcessFacts]) -> bool:
    """Another one of its kind was started on its host after it fell silent."""
    return any(
        other.kind == process.kind and other.host == process.host and other.started_at >= process.heartbeat_at
        for other in fresh
    )


RULES: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    judge_clock,
    judge_broker_clock,
    judge_disk,
    judge_gateway,
    judge_session,
    judge_weekly_login,
    judge_worker,
    judge_web,
    judge_sentinel,
    judge_pause,
    judge_jobs,
)
