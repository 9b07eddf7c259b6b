from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.journal.receiver import Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as server:
        yield server


@pytest.fixture
def webhook(receiver: Receiver, settings: Settings) -> Receiver:
    """The receiver, as the platform's webhook."""
    settings.SCHEDULER_WEBHOOK_URL = receiver.url("ok")
    settings.NOTICES_ALLOW_PRIVATE = True
    return receiver
