from django.db import models


class RunState(models.TextChoices):
    """`failed` is an expected failure that names its remedy; `errored` is a bug."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING_RETRY = "waiting-retry", "Waiting for the next attempt"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    ERRORED = "errored", "Errored"
    CANCELLED = "cancelled", "Cancelled"


WAITING = (RunState.QUEUED, RunState.WAITING_RETRY)
UNFINISHED = (*WAITING, RunState.RUNNING)
UNSUCCESSFUL = (RunState.FAILED, RunState.ERRORED)
# Every end but success; kept as words, because an index names them that also knows slots without a run.
WITHOUT_SUCCESS = ("failed", "errored", "cancelled", "missed", "skipped")
