"""A web process says that it lives; one that was killed is missed, one that was stopped is not."""

from __future__ import annotations

import pytest

from apps.journal.models import ProcessHeartbeat
from tests.console.web_process import WebProcess
from tests.waiting import wait_for
from tradeops.lib.listen import conninfo

pytestmark = pytest.mark.django_db(transaction=True)


def row(web: WebProcess) -> ProcessHeartbeat | None:
    return ProcessHeartbeat.objects.filter(kind="web", pid=web.process.pid).first()


def test_running_web_process_is_heard_of_and_forgotten_when_it_stops() -> None:
    with WebProcess(conninfo()) as web:
        first = wait_for(lambda: row(web))
        wait_for(lambda: (again := row(web)) and again.heartbeat_at > first.heartbeat_at)
    assert row(web) is None


def test_killed_web_process_leaves_its_last_word() -> None:
    with WebProcess(conninfo()) as web:
        wait_for(lambda: row(web))
        web.process.kill()
        web.process.wait()
        assert row(web) is not None
