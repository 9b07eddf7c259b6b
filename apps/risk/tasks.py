from __future__ import annotations

from typing import Any

from apps.jobs.context import JobContext
from apps.jobs.registry import job
from apps.risk import services


@job(name="limits", title="Put cooled-off limits in force, end exceptions", cron="7 * * * *", timeout=60)
def limits(context: JobContext) -> dict[str, Any]:
    """An exception that has expired holds no longer, whether this has run or not."""
    return {"changed": services.advance_limits(now=context.now)}
