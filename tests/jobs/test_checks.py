from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks

from apps.jobs.checks import find_unsafe


def test_settings_of_the_platform_are_safe() -> None:
    assert run_checks(tags=["jobs"]) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"retry": 300}, "jobs.E001"),
        ({"timeout": None}, "jobs.E001"),
        ({"queue_limit": 50}, "jobs.E002"),
        ({"bulk": 5}, "jobs.E003"),
        ({"max_attempts": 0}, "jobs.E004"),
        ({"ack_failures": False}, "jobs.E005"),
        ({"save_limit": 250}, "jobs.E006"),
        ({"catch_up": True}, "jobs.E007"),
        ({"scheduler": True}, "jobs.E008"),
        ({"orm": None}, "jobs.E009"),
        ({"broker_class": "django_q.brokers.orm.ORM"}, "jobs.E010"),
        ({"sync": True}, "jobs.E011"),
    ],
)
def test_unsafe_setting_is_refused(change: dict[str, Any], expected: str) -> None:
    errors = find_unsafe({**settings.Q_CLUSTER, **change})
    assert [error.id for error in errors] == [expected]
    assert errors[0].hint


@pytest.mark.parametrize(
    "name", ["retry", "queue_limit", "bulk", "max_attempts", "save_limit", "catch_up", "scheduler"]
)
def test_missing_setting_is_refused(name: str) -> None:
    queue = {key: value for key, value in settings.Q_CLUSTER.items() if key != name}
    assert find_unsafe(queue)
