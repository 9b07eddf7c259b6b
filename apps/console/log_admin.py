"""The log folder in the control room: what there is, and how each file ends. Reads only, and only listed names."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from apps.console.models import LogFile
from tradeops.lib import log_files
from tradeops.lib.admin import ReadOnlyAdmin
from tradeops.lib.log_files import UnknownLog
from tradeops.lib.redaction import redact

LINES = (200, 1000, 5000)


@admin.register(LogFile)
class LogFileAdmin(ReadOnlyAdmin):
    """Its list is the folder, not a table."""

    def get_urls(self) -> list[URLPattern]:
        tail = path("file/<str:name>/", self.admin_site.admin_view(self.tail_view), name="console_logfile_tail")
        return [tail, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._require_permission(request)
        logs = log_files.list_logs(settings.LOG_DIR, settings.LOG_FILE)
        current, archives = ([log for log in logs if log.is_archive == rotated] for rotated in (False, True))
        sections = [("Written now", current), ("Rotated", archives)]
        return self._page(request, "list", title="Log files", folder=settings.LOG_DIR, logs=logs, sections=sections)

    def tail_view(self, request: HttpRequest, name: str) -> HttpResponse:
        self._require_permission(request)
        try:
            log = log_files.find_log(name, settings.LOG_DIR, settings.LOG_FILE)
        except UnknownLog as error:
            raise Http404(str(error)) from None
        wanted = next((number for number in LINES if str(number) == request.GET.get("lines")), LINES[0])
        lines = [redact(line) for line in log_files.tail(log.path, wanted)]
        return self._page(request, "tail", title=log.name, log=log, lines=lines, wanted=wanted, choices=LINES)

    def _require_permission(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        context |= {**self.admin_site.each_context(request), "title": context["title"], "opts": self.opts}
        return TemplateResponse(request, f"admin/console/logfile/{template}.html", context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        """There are no rows."""
        return None
