"""How an attempt can end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.jobs.context import Report
from apps.jobs.models import JobRun
from apps.jobs.registry import Job


@dataclass(frozen=True, slots=True)
class Success:
    """`start_told`: the journal knows already that this attempt began; else it is told with the end."""

    run: JobRun
    result: dict[str, Any]
    report: Report
    began_at: datetime
    ended_at: datetime
    start_told: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """`job` None: not to be tried again."""

    run: JobRun
    job: Job | None
    error: str
    began_at: datetime
    ended_at: datetime
    again_at: datetime
    report: Report | None = None
    traceback: str = ""
    expected: bool = True
    start_told: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    run: JobRun
    report: Report
    began_at: datetime
    ended_at: datetime
    start_told: bool = False


Ending = Success | Failure | Stopped
