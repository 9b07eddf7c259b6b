from __future__ import annotations

from django.contrib import admin

from apps.jobs.models import WorkerHeartbeat
from tradeops.lib.admin import ReadOnlyAdmin


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "heartbeat_at", "canary_at", "busy", "workers", "replacements", "started_at", "stopped_at")
