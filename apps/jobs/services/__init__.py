"""Writing to the jobs' tables: asking for runs, working them off, schedules, and what workers say of themselves."""

from apps.jobs.services.attempts import exchange, give_back, lose, next_attempt_at, part
from apps.jobs.services.claims import Claimant
from apps.jobs.services.dispatching import dispatch_due, next_wake_up
from apps.jobs.services.endings import Ending, Failure, Stopped, Success
from apps.jobs.services.postponing import postpone_if_waiting
from apps.jobs.services.recovery import (
    end_lost_runs,
    end_runs_of_dead_processes,
    recover_from,
    requeue_forgotten,
)
from apps.jobs.services.runs import cancel_run, reject_run, request_run
from apps.jobs.services.schedules import (
    ensure_schedules,
    pause_jobs,
    resume_jobs,
    skip_next,
    unskip,
    update_schedule,
)
from apps.jobs.services.workers import (
    hear_canary,
    register_worker,
    say_proven,
    say_replaced,
    say_stopped,
    update_heartbeat,
)

__all__ = [
    "Claimant",
    "Ending",
    "Failure",
    "Stopped",
    "Success",
    "cancel_run",
    "dispatch_due",
    "end_lost_runs",
    "end_runs_of_dead_processes",
    "ensure_schedules",
    "exchange",
    "give_back",
    "hear_canary",
    "lose",
    "next_attempt_at",
    "next_wake_up",
    "part",
    "pause_jobs",
    "postpone_if_waiting",
    "recover_from",
    "register_worker",
    "reject_run",
    "request_run",
    "requeue_forgotten",
    "resume_jobs",
    "say_proven",
    "say_replaced",
    "say_stopped",
    "skip_next",
    "unskip",
    "update_heartbeat",
    "update_schedule",
]
