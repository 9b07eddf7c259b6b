"""Making reports, writing commentaries."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.urls import reverse

from apps.broker.models import Account
from apps.journal import services as journal
from apps.reports import facts, press
from apps.reports.document.layout import lay_out
from apps.reports.domain.periods import Period
from apps.reports.exceptions import InvalidPeriod
from apps.reports.models import Commentary, Report

STEP = "Report"
SCOPE = "reports"


def make_report(
    *, account: Account, period: Period, now: datetime, created_by: str, job_run: int | None = None
) -> Report:
    """Gather, set and store; the period made before gets a further revision.

    Takes about a second, most of it outside any transaction. Raises InvalidPeriod for a period that has not begun,
    RenderingFailed when the PDF could not be made; then nothing is stored.
    """
    if period.first > now.date():
        raise InvalidPeriod(f"{period} has not begun: it starts on {period.first}.")
    content = press.render(lay_out(facts.gather(account=account, period=period, now=now)))
    return store_report(
        account=account, period=period, content=content, now=now, created_by=created_by, job_run=job_run
    )


@transaction.atomic
def store_report(
    *, account: Account, period: Period, content: bytes, now: datetime, created_by: str, job_run: int | None = None
) -> Report:
    """Append the next revision."""
    # One at a time for an account: two at once would take the same revision.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    same = Report.objects.filter(account=account, kind=period.kind, period=period.label)
    report = Report.objects.create(
        kind=period.kind,
        period=period.label,
        first_date=period.first,
        last_date=period.last,
        account=account,
        revision=(same.aggregate(newest=Max("revision"))["newest"] or 0) + 1,
        created_at=now,
        created_by=created_by,
        job_run=job_run,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )
    journal.record(
        step=STEP,
        message=f"{period.kind} report {report} made, {report.size:,} bytes",
        scope=SCOPE,
        data={"report": report.pk, "sha256": report.sha256},
        actor=created_by,
    )
    if job_run is not None:
        _announce(report, period)
    return report


def _announce(report: Report, period: Period) -> None:
    """What a job made, nobody waited for: say where it is."""
    address = settings.PUBLIC_URL + reverse("admin:reports_report_download", args=[report.pk])
    journal.notify(
        f"{report.get_kind_display()} report {report.period} of {report.account} is ready",
        f"{period.title}, {report.size / 1024:,.0f} KiB, SHA-256 {report.sha256[:12]}\n{address}",
        key=f"report:{report.pk}",
        actor=report.created_by,
    )


@transaction.atomic
def write_commentary(*, account: Account, month: str, text: str, now: datetime, actor: str) -> Commentary:
    """The newest counts; what was written before stays."""
    written = Commentary.objects.create(
        account=account, month=month, text=text.strip(), created_at=now, created_by=actor
    )
    journal.record(step="Commentary", message=f"written for {written}", scope=SCOPE, actor=actor)
    return written
