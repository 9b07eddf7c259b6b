"""What processes say of themselves while they live."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.journal.choices import ProcessKind
from apps.journal.models import ProcessHeartbeat

# By then a process that died has been noticed, and told of.
FORGET_AFTER = timedelta(hours=24)


def beat(
    *, name: str, kind: ProcessKind, host: str, pid: int, started_at: datetime, now: datetime, is_active: bool = True
) -> None:
    """Say that this process lives. One statement, and it comes back after a restore or a cleaned table."""
    ProcessHeartbeat.objects.bulk_create(
        [
            ProcessHeartbeat(
                name=name,
                kind=kind,
                host=host,
                pid=pid,
                is_active=is_active,
                started_at=started_at,
                heartbeat_at=now,
            )
        ],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["is_active", "heartbeat_at"],
    )


def say_stopped(*, name: str) -> None:
    """A process that ended in order is no longer missed."""
    ProcessHeartbeat.objects.filter(name=name).delete()


def forget_processes(*, names: list[str], now: datetime) -> int:
    """Forget those that others have replaced, and whoever has been silent for a day. How many."""
    replaced = ProcessHeartbeat.objects.filter(name__in=names)
    silent = ProcessHeartbeat.objects.filter(heartbeat_at__lt=now - FORGET_AFTER)
    return (replaced | silent).delete()[0]
