from django.db import models


class RunState(models.TextChoices):
    """`failed` is an expected failure that names its remedy; `errored` is a bug.

    `missed` and `skipped` are slots that were not run; `error` says why.
    """

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING_RETRY = "waiting-retry", "Waiting for the next attempt"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    ERRORED = "errored", "Errored"
    CANCELLED = "cancelled", "Cancelled"
    MISSED = "missed", "Missed"
    SKIPPED = "skipped", "Skipped"


WAITING = (RunState.QUEUED, RunState.WAITING_RETRY)
UNFINISHED = (*WAITING, RunState.RUNNING)
UNSUCCESSFUL = (RunState.FAILED, RunState.ERRORED)
NOT_RUN = (RunState.MISSED, RunState.SKIPPED)
# Every end but success; kept as words, because an index names them that also knows slots without a run.
WITHOUT_SUCCESS = ("failed", "errored", "cancelled", "missed", "skipped")


class CatchUp(models.TextChoices):
    """What becomes of slots that could not start within their grace."""

    SKIP = "skip", "None of the missed"
    ONCE = "once", "The latest missed, once"
    ALL = "all", "Every missed, in order"
