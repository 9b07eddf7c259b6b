"""Jobs that misbehave, for real worker processes to work off."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from apps.jobs.context import JobContext
from apps.jobs.registry import job
from tests.jobs.sample_app.names import BRIEF
from tradeops.lib.errors import TradeOpsError

TRACE = "SAMPLE_TRACE"


def leave_trace(context: JobContext, what: str) -> None:
    """One line per event: unlike a row it survives whatever happens to the run."""
    with Path(os.environ[TRACE]).open("a") as file:
        file.write(f"{context.run.pk} {context.run.attempt} {what} {os.getpid()}\n")


@job(name="sample_quick", title="Quick", aliases=("quick",), retry_delays=(0, 1, 1))
def quick(context: JobContext) -> dict[str, Any]:
    leave_trace(context, "run")
    context.log("quick work")
    context.progress(1, 1, "done")
    return {"attempt": context.run.attempt}


@job(name="sample_quick_2", title="Quick, too", retry_delays=(0, 1, 1))
def quick_2(context: JobContext) -> dict[str, Any]:
    return quick(context)


@job(name="sample_quick_3", title="Quick, three", retry_delays=(0, 1, 1))
def quick_3(context: JobContext) -> dict[str, Any]:
    return quick(context)


@job(name="sample_slow", title="Slow", retry_delays=(0, 1, 1))
def slow(context: JobContext) -> dict[str, Any]:
    """Works until the file of its run appears."""
    leave_trace(context, "begin")
    context.log("begun")
    finish = Path(os.environ[TRACE] + ".finish")
    for turn in range(1200):
        context.progress(turn, 1200, "waiting")
        if finish.exists():
            break
        time.sleep(0.05)
    leave_trace(context, "end")
    return {"attempt": context.run.attempt}


@job(name="sample_slow_2", title="Slow, too", retry_delays=(0, 1, 1))
def slow_2(context: JobContext) -> dict[str, Any]:
    return slow(context)


@job(name="sample_failing", title="Failing", retry_delays=(0, 1, 1))
def failing(context: JobContext) -> dict[str, Any]:
    leave_trace(context, "run")
    raise TradeOpsError("the broker is away: start it")


@job(name="sample_second_time", title="Succeeds the second time", retry_delays=(0, 1, 1))
def second_time(context: JobContext) -> dict[str, Any]:
    leave_trace(context, "run")
    if context.run.attempt < 2:
        raise TradeOpsError("not yet")
    return {"attempt": context.run.attempt}


@job(name="sample_suicide", title="Kills its worker", retry_delays=(0, 1, 1))
def suicide(context: JobContext) -> dict[str, Any]:
    leave_trace(context, "run")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@job(name="sample_buggy", title="Has a bug", attempts=1)
def buggy(context: JobContext) -> dict[str, Any]:
    context.log("about to divide")
    return {"result": 1 / 0}


@job(name="sample_endless", title="Takes too long", attempts=1, timeout=1)
def endless(context: JobContext) -> dict[str, Any]:
    while True:
        time.sleep(0.05)


def brief(context: JobContext) -> dict[str, Any]:
    """As long as its run's number tells: from nothing to 40 ms."""
    leave_trace(context, "run")
    time.sleep(context.run.pk % 5 / 100)
    return {"attempt": context.run.attempt}


for name in BRIEF:
    job(name=name, title="Brief", retry_delays=(0, 1, 1))(brief)
