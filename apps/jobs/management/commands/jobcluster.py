"""The queue's processes. `manage.py worker` starts this; it is of no use by hand."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from apps.jobs.queue import WORKER_VARIABLE
from apps.jobs.supervision.orphans import die_with_parent
from apps.jobs.supervision.pool import JobCluster
from tradeops.lib.short_waits import JOB_IDLE_SECONDS, use_short_waits


class Command(BaseCommand):
    help = "The processes of the job queue, started and watched by `manage.py worker`. Not for use by hand."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--worker", required=True)
        parser.add_argument("--parent", required=True, type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        use_short_waits(idle_seconds=JOB_IDLE_SECONDS)
        os.environ[WORKER_VARIABLE] = options["worker"]
        die_with_parent(options["parent"])
        connections.close_all()
        cluster = JobCluster()
        cluster.start()
        # The interpreter itself waits for the sentinel, and its signal handlers stay in charge.
