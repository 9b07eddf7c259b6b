from __future__ import annotations

import logging
import os
from typing import Any

from django.core.management.base import BaseCommand

from apps.jobs import selectors
from apps.jobs.supervision.supervisor import Supervisor
from tradeops.lib import clock
from tradeops.lib.short_waits import use_short_waits

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Run jobs: hands out due ones, works the queue off, replaces it when it hangs. Several may run at once."
    requires_system_checks = ("jobs",)

    def handle(self, *args: Any, **options: Any) -> None:
        # A pool serves web processes; this one thread needs none.
        os.environ["DATABASE_POOL_SIZE"] = "0"
        use_short_waits()
        supervisor = Supervisor()
        self.announce(supervisor)
        supervisor.run()
        self.stdout.write("Worker stopped.")

    def announce(self, supervisor: Supervisor) -> None:
        """Into the log, so that scheduler.log says what was planned when it began."""
        logger.info("worker %s with %s processes", supervisor.name, supervisor.workers)
        for job in selectors.job_overview(now=clock.now()):
            logger.info("planned: %s %s, next %s", job.name, job.schedule_text, job.next_due_text)
