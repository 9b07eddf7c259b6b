"""What `weekly_report` and `monthly_report` share: make the report, write the file, say so."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from apps.reports import services
from apps.reports.domain.periods import Period
from apps.reports.selectors.accounts import find_account
from apps.reports.selectors.stored import content_of
from tradeops.lib import clock
from tradeops.lib.terminal import show


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--account", default="", help="the account; else IBKR_ACCOUNT or the only one")
    parser.add_argument("--output", type=Path, metavar="FILE", help="also write the PDF here")


def deliver(period: Period, *, command: str, options: dict[str, Any], stdout: OutputWrapper) -> None:
    """Raises TradeOpsError; CommandError when the file cannot be written, the report being stored already."""
    report = services.make_report(
        account=find_account(options["account"]),
        period=period,
        now=clock.now(),
        created_by=f"{getpass.getuser()} ({command})",
    )
    stored = f"{report.get_kind_display()} report {report}: {report.size:,} bytes, SHA-256 {report.sha256[:12]}, stored"
    file: Path | None = options["output"]
    if file is None:
        show(stdout, f"{stored}. Download it in the control room, Reports; --output FILE writes it here.")
        return
    try:
        file.write_bytes(content_of(report))
    except OSError as error:
        raise CommandError(f"{stored}, but {file} cannot be written: {error.strerror}. Name another file.") from error
    show(stdout, f"{stored} and written to {file}.")
