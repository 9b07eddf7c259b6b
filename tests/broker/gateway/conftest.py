from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.broker.simulator.testing import SimulatorProcess


@pytest.fixture
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process
