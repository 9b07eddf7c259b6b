"""Against the simulator: what somebody does in TWS, before a login and after, is in the ledger and in the trades."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.broker import selectors
from apps.broker.choices import OrderPurpose, OrderState
from apps.broker.models import Closing, Order, Trade
from apps.broker.simulator.testing import SimulatorProcess
from apps.journal.models import Event
from tests.broker.gateway.running import ACCOUNT, RunningGateway, running
from tests.waiting import wait_for
from tradeops.lib.known import Known

pytestmark = pytest.mark.django_db(transaction=True)


def adopted(symbol: str, state: OrderState = OrderState.FILLED) -> list[Order]:
    return list(selectors.external_activity().filter(instrument__symbol=symbol, state=state).order_by("created_at"))


@pytest.mark.mission(158)
def test_what_was_done_while_nobody_looked_is_adopted_at_the_login() -> None:
    """The broker wins: a working order, a round trip and what is left of another are written down as they are."""
    with SimulatorProcess() as simulator:
        for command in ("trade QQQ BUY 10", "trade QQQ SELL 10", "trade SPY BUY 5", "order IWM BUY 10 1"):
            simulator.control(command)
        with running(simulator) as gateway:
            [working] = adopted("IWM", OrderState.WORKING)
            assert (working.purpose, working.limit_price) == (OrderPurpose.ENTRY, 1)
            bought, sold = adopted("QQQ")
            assert bought.filled_quantity == sold.filled_quantity == 10
            assert (bought.purpose, sold.purpose) == (OrderPurpose.ENTRY, OrderPurpose.EXIT)
            closed = Trade.objects.get(instrument__symbol="QQQ")
            assert closed.closed_at is not None and closed.commissions > 0 and closed.commissions_known
            assert Trade.objects.get(instrument__symbol="SPY").open_quantity == 5
            sell_the_rest(simulator, gateway)
            simulator.control(f"cancel {working.perm_id}")
            gateway.do(gateway.gateway.synchroniser.look_soon)
            wait_for(lambda: adopted("IWM", OrderState.CANCELLED))


def sell_the_rest(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("trade SPY SELL 5")
    gateway.do(gateway.gateway.synchroniser.look_soon)
    wait_for(lambda: len(adopted("SPY")) == 2)
    assert [order.purpose for order in adopted("SPY")] == [OrderPurpose.ENTRY, OrderPurpose.EXIT]
    wait_for(lambda: Trade.objects.filter(instrument__symbol="SPY", closed_at__isnull=False).exists())
    wait_for(lambda: isinstance(selectors.realised_today(ACCOUNT), Known))
    realised = selectors.realised_today(ACCOUNT)
    assert isinstance(realised, Known)
    assert realised.value == sum((row.net for row in Closing.objects.all()), Decimal(0)) < 0
    assert Event.objects.filter(step="External activity", symbol="SPY").count() == 2
    story = selectors.order_story(adopted("SPY")[1])
    assert story[0].startswith("It happened.") and "given in TWS" in story[1] and "1 execution: 5 at" in story[-1]
