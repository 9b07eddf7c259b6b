"""Runs and workers in the control room: read only, ended rows are the record."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.jobs import registry, services
from apps.jobs.models import JobRun, WorkerHeartbeat
from tradeops.lib import clock


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # not subscriptable
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ("id", "job", "state", "attempts", "progress", "created_at", "started_at", "ended_at", "started_by")
    list_filter = ("state", "job")
    search_fields = ("=id", "job", "error", "started_by")
    date_hierarchy = "created_at"
    list_per_page = 50
    show_full_result_count = False
    actions = ("cancel",)
    fieldsets = (
        (None, {"fields": ("job", "state", "attempts", "progress", "started_by")}),
        (
            "Times (UTC)",
            {"fields": ("slot", "created_at", "started_at", "attempt_started_at", "next_attempt_at", "ended_at")},
        ),
        ("Outcome", {"fields": ("result_text", "error_text", "log_text", "traceback_text")}),
        ("Process", {"classes": ("collapse",), "fields": ("worker", "worker_pid", "lease_until")}),
    )

    @admin.display(description="Attempts")
    def attempts(self, run: JobRun) -> str:
        return f"{run.attempt} of {run.max_attempts}"

    @admin.display(description="Progress")
    def progress(self, run: JobRun) -> str:
        counted = f"{run.progress_done} of {run.progress_total}" if run.progress_total else ""
        return f"{counted} {run.progress_text}".strip() or "-"

    @admin.display(description="Result")
    def result_text(self, run: JobRun) -> SafeString | str:
        if not isinstance(run.result, dict):
            return "-"
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", run.result.items()))

    @admin.display(description="Error")
    def error_text(self, run: JobRun) -> SafeString | str:
        return preformatted(run.error)

    @admin.display(description="Log")
    def log_text(self, run: JobRun) -> SafeString | str:
        return preformatted(run.log)

    @admin.display(description="Traceback")
    def traceback_text(self, run: JobRun) -> SafeString | str:
        return preformatted(run.traceback)

    @admin.action(description="Cancel (waiting runs only)", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> None:
        actor = request.user.get_username()
        done = [services.cancel_run(run_id=run.pk, now=clock.now(), actor=actor) for run in queryset]
        self.message_user(request, f"{sum(done)} cancelled, {len(done) - sum(done)} not waiting.")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(registry.RUN_PERMISSION)


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "heartbeat_at", "canary_at", "busy", "workers", "replacements", "started_at", "stopped_at")


def preformatted(text: str) -> SafeString | str:
    return format_html("<pre>{}</pre>", text) if text else "-"
