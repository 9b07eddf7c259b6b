"""The thread that hands out what is due lives as long as its worker."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from apps.jobs import services
from apps.jobs.supervision import dispatcher
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_error_that_nobody_foresaw_is_logged_once_and_handing_out_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks: list[datetime] = []

    def dispatch(*, now: datetime) -> None:
        looks.append(now)
        if len(looks) <= 2:
            raise ValueError("nobody foresaw this")

    monkeypatch.setattr(services, "dispatch_due", dispatch)
    monkeypatch.setattr(dispatcher, "AWAY_SECONDS", 0.05)
    thread = dispatcher.Dispatcher()
    with caplog.at_level(logging.ERROR, logger=dispatcher.__name__):
        thread.start()
        try:
            wait_for(lambda: len(looks) > 3, what="looks after the error")
        finally:
            thread.stop()
    [said] = [record for record in caplog.records if record.name == dispatcher.__name__]
    assert "nobody foresaw this" in said.getMessage() and said.exc_info is not None
