from __future__ import annotations

from apps.jobs import selectors
from apps.jobs.management.commands import worker
from apps.jobs.management.commands.jobs import as_table
from apps.jobs.supervision.supervisor import Supervisor
from tradeops.lib import clock
from tradeops.lib.terminal import show


class Command(worker.Command):
    help = (
        "Run the scheduler in this terminal: shows the planned jobs with their times and zones, then works as "
        "`manage.py worker` does until Ctrl-C or SIGTERM. The database must run: `manage.py up` starts everything."
    )

    def announce(self, supervisor: Supervisor) -> None:
        show(self.stdout, as_table(selectors.job_overview(now=clock.now())))
        super().announce(supervisor)
