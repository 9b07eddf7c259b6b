"""Jobs that do nothing: what is measured is the queue."""

from __future__ import annotations

from typing import Any

from apps.jobs.context import JobContext
from apps.jobs.registry import job

JOBS = 50


def noop(context: JobContext) -> dict[str, Any]:
    return {}


for number in range(JOBS):
    job(name=f"bench_{number}", title=f"Nothing {number}")(noop)
