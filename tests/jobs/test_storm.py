"""The storm of kills in short; `make storm` is the long one (STORM_KILLS and STORM_SEED choose another)."""

from __future__ import annotations

import os

import pytest

from apps.journal.models import Incident
from tests.jobs.conftest import Workers
from tests.jobs.storm import Storm
from tests.waiting import wait_for

KILLS = int(os.environ.get("STORM_KILLS", "15"))
SEED = int(os.environ.get("STORM_SEED", "20261120"))


@pytest.mark.timeout(400 + 20 * KILLS)
def test_storm_of_kills_loses_nothing_and_is_told(workers: Workers) -> None:
    workers.start()
    storm = Storm(workers, SEED)
    storm.blow(KILLS)
    storm.check()
    print("\n" + storm.table())
    if storm.recoveries.keys() & {"master", "sentinel"}:
        told = Incident.objects.filter(key__startswith="job-queue:")
        assert told.exists()
        wait_for(lambda: not told.filter(resolved_at=None).exists(), what="the end of the incident")
