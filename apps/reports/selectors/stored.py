"""Reading stored reports."""

from __future__ import annotations

import hashlib

from django.db.models import QuerySet

from apps.reports.exceptions import DamagedReport
from apps.reports.models import Report


def reports(*, account: str = "") -> QuerySet[Report]:
    """Newest first, without their content, which would weigh megabytes."""
    rows = Report.objects.select_related("account").defer("content")
    return rows.filter(account__code=account) if account else rows


def content_of(report: Report) -> bytes:
    """The PDF, byte for byte as it was made. Raises DamagedReport when its SHA-256 says otherwise."""
    content = bytes(report.content)
    if hashlib.sha256(content).hexdigest() != report.sha256:
        raise DamagedReport(f"The stored file of {report} is not the one that was made: make the report again.")
    return content
