"""What was told, and what people add to it: reports and commentaries."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from apps.broker.models import Account
from apps.reports.choices import ReportKind
from apps.snapshots.models import PortfolioSnapshot


class Commentary(models.Model):
    """What a person has to say about a month; part of its report. The newest counts."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="commentaries")
    month = models.CharField(
        max_length=7,
        validators=[RegexValidator(r"\A[12]\d{3}-(0[1-9]|1[0-2])\Z", "Write year and month, as 2026-01.")],
        help_text="As 2026-01.",
    )
    text = models.TextField(max_length=6000)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["-month", "-id"]
        verbose_name_plural = "Commentaries"

    def __str__(self) -> str:
        return f"{self.account} {self.month}"


class Report(models.Model):
    """A PDF as it was made. Never replaced: the same period made again is a new revision."""

    kind = models.CharField(max_length=8, choices=ReportKind)
    period = models.CharField(max_length=8, help_text="An ISO week as 2026-W05, or a month as 2026-01.")
    first_date = models.DateField()
    last_date = models.DateField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="reports")
    revision = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    job_run = models.BigIntegerField(null=True, blank=True, help_text="The job run that made it; empty: by hand.")
    size = models.PositiveIntegerField(help_text="Bytes")
    sha256 = models.CharField("SHA-256", max_length=64)
    content = models.BinaryField()

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [("make_report", "Can make a report now")]
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "period", "revision"], name="reports_one_per_revision")
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.period}, revision {self.revision}"

    @property
    def file_name(self) -> str:
        again = f"-r{self.revision}" if self.revision > 1 else ""
        return f"{self.period}-report-{self.account.code}{again}.pdf"


class Performance(PortfolioSnapshot):
    """The snapshots read as a whole; its page in the control room shows figures and charts."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = "performance"
        verbose_name_plural = "Performance"
