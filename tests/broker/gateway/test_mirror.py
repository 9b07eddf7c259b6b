"""What the broker says is in the tables soon after."""

from __future__ import annotations

import pytest

from apps.broker.models import Account
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.running import ACCOUNT, running

pytestmark = pytest.mark.django_db(transaction=True)


def test_login_fills_the_tables(simulator: SimulatorProcess) -> None:
    with running(simulator) as gateway:
        session = gateway.wait_ready()
        account = Account.objects.get(code=ACCOUNT)
        assert session.trading_link_up and session.data_link_up and session.epoch == 1
        assert account.values.filter(tag="NetLiquidation").exists()
