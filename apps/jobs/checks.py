"""Refuse to start with queue settings that are known to lose, repeat or stop work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register("jobs")
def check_queue_settings(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    return find_unsafe(settings.Q_CLUSTER)


def find_unsafe(queue: Mapping[str, Any]) -> list[CheckMessage]:
    timeout, workers = queue.get("timeout"), queue.get("workers", 0)
    rules = [
        ("E001", bool(timeout) and queue.get("retry", 0) >= 2 * (timeout or 0), "retry must be at least 2 x timeout"),
        ("E002", 0 < queue.get("queue_limit", 0) <= workers, "queue_limit must not exceed workers"),
        ("E003", queue.get("bulk") == 1, "bulk must be 1"),
        ("E004", queue.get("max_attempts") == 1, "max_attempts must be 1: TradeOps counts attempts itself"),
        ("E005", queue.get("ack_failures") is True, "ack_failures must be True: TradeOps retries itself"),
        ("E006", queue.get("save_limit") == 0, "save_limit must be 0: another value reads every row per task"),
        ("E007", queue.get("catch_up") is False, "catch_up must be False"),
        ("E008", queue.get("scheduler") is False, "scheduler must be False: the worker hands out due jobs itself"),
        ("E009", bool(queue.get("orm")), "orm must name the database: another broker loses tasks"),
        ("E010", queue.get("broker_class") == QUEUE, f"broker_class must be {QUEUE}: it runs known functions only"),
        ("E011", not queue.get("sync"), "sync must not be set: jobs would run inside the caller"),
    ]
    return [
        Error(f"Q_CLUSTER: {rule}.", hint="Mend Q_CLUSTER in tradeops/settings.py.", id=f"jobs.{number}")
        for number, kept, rule in rules
        if not kept
    ]


QUEUE = "apps.jobs.queue.JobQueue"
