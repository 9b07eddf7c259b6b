from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tradeops.lib.errors import TradeOpsError
from tradeops.recipes import cron, launchd, systemd
from tradeops.recipes.entries import Place, collect

KINDS = {"cron": cron.render, "launchd": launchd.render, "systemd": systemd.render}


class Command(BaseCommand):
    help = (
        "Write the schedules for another scheduler: a crontab, LaunchAgents (macOS) or systemd timers. Each runs "
        "`manage.py run_job NAME` without a login shell, by absolute paths, and keeps its output among the logs. The "
        "worker must run; switch the same schedules off in TradeOps, else the jobs run twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kind", required=True, choices=KINDS)
        parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="where to write the files")
        parser.add_argument("--job", action="append", default=[], help="only this job; may be repeated")
        parser.add_argument(
            "--base-dir", type=Path, default=settings.BASE_DIR, help="where TradeOps lies (%(default)s)"
        )
        parser.add_argument("--python", type=Path, default=Path(sys.executable), help="its interpreter (%(default)s)")
        parser.add_argument("--log-dir", type=Path, default=settings.LOG_DIR, help="its logs (%(default)s)")
        parser.add_argument("--environment-file", type=Path, help="KEY=VALUE lines beside the .env of TradeOps")

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["environment_file"]
        place = Place(
            options["base_dir"].absolute(),
            options["python"].absolute(),
            options["log_dir"].absolute(),
            file.absolute() if file else None,
        )
        try:
            entries, left_out = collect(options["job"])
            files = KINDS[options["kind"]](entries, place)
        except TradeOpsError as error:
            raise CommandError(str(error)) from error
        for reason in left_out:
            self.stderr.write(f"Left out: {reason}")
        self._write(options["output"], files)

    def _write(self, folder: Path, files: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content)
            self.stdout.write(str(folder / name))
