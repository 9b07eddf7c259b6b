from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand

from apps.jobs import selectors
from apps.jobs.supervision.supervisor import Supervisor
from tradeops.lib import clock


class Command(BaseCommand):
    help = "Run jobs: hands out due ones, works the queue off, replaces it when it hangs. Several may run at once."
    requires_system_checks = ("jobs",)

    def handle(self, *args: Any, **options: Any) -> None:
        # A pool serves web processes; this one thread needs none.
        os.environ["DATABASE_POOL_SIZE"] = "0"
        supervisor = Supervisor()
        self.stdout.write(f"Worker {supervisor.name} with {supervisor.workers} processes. Planned jobs:")
        for job in selectors.job_overview(now=clock.now()):
            self.stdout.write(f"  {job.name:24} {job.schedule_text:40} next {job.next_due_text}")
        supervisor.run()
        self.stdout.write("Worker stopped.")
