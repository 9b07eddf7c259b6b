"""Option positions captured from the simulated broker over TCP, by the real gateway, command, worker and job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from ib_async import IB, Contract, MarketOrder, Option

from apps.broker.models import Trade
from apps.snapshots.models import PositionSnapshot
from tests.snapshots.conftest import Desk
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(300)
Leg = tuple[str, str, float, str, int]


def listed(desk: Desk, symbol: str, right: str, moneyness: float) -> Contract:
    """An option that the simulated broker lists: about 30 days to go, its strike at that share of the price."""

    async def find() -> Contract:
        ib = IB()
        await ib.connectAsync("127.0.0.1", desk.simulator.port, clientId=78, timeout=10)
        [stock] = await ib.qualifyContractsAsync(
            Contract(symbol=symbol, secType="STK", exchange="SMART", currency="USD")
        )
        chain = (await ib.reqSecDefOptParamsAsync(symbol, "", "STK", stock.conId))[0]
        price = desk.simulator.control(f"quote {symbol}")["quotes"][0]["last"]
        strike = min(chain.strikes, key=lambda strike: abs(strike - moneyness * price))
        option = Option(symbol, sorted(chain.expirations)[3], strike, right, "SMART", currency="USD")
        [found] = await ib.qualifyContractsAsync(option)
        ib.disconnect()
        return found

    return asyncio.run(asyncio.wait_for(find(), 60))


def trade(desk: Desk, orders: Sequence[tuple[int, str, int]]) -> None:
    """(contract id, side, quantity) traded by another program of the same account, until the trades are derived."""

    async def work() -> None:
        ib = IB()
        await ib.connectAsync("127.0.0.1", desk.simulator.port, clientId=77, timeout=10)
        placed = [ib.placeOrder(Contract(conId=con_id, exchange="SMART"), MarketOrder(side, quantity))
                  for con_id, side, quantity in orders]  # fmt: skip
        while not all(order.isDone() for order in placed):
            desk.simulator.control("tick 1")
            await asyncio.sleep(0.05)
        ib.disconnect()

    asyncio.run(asyncio.wait_for(work(), 60))


def open_trade(con_id: int, quantity: int) -> Trade:
    found = Trade.objects.filter(instrument__con_id=con_id, closed_at=None, open_quantity=quantity)
    return wait_for(lambda: found.first(), what=f"the trade of {con_id}")


def capture(desk: Desk, *options: str) -> dict[str, Any]:
    done = desk.manage("snapshot-positions", "--json", *options)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.mission(45)
@pytest.mark.mission(46)
def test_short_put_and_long_call_are_captured_once_a_day(desk: Desk) -> None:
    put, call = listed(desk, "SPY", "P", 0.95), listed(desk, "AAPL", "C", 1.05)
    trade(desk, [(put.conId, "SELL", 5), (call.conId, "BUY", 2)])
    short, long = open_trade(put.conId, 5), open_trade(call.conId, 2)
    desk.simulator.control("price SPY 480")
    assert capture(desk)["captured"] == 2
    row = PositionSnapshot.objects.get(trade=short)
    print(row.__dict__)
    assert row.current_premium is not None and row.current_pnl is not None and row.stock_price is not None
    assert row.current_pnl == pytest.approx((short.entry_price - row.current_premium) * 500)
    assert row.current_pnl_pct == pytest.approx(float(1 - row.current_premium / short.entry_price))
    assert float(row.stock_price) == pytest.approx(480, rel=0.01)
    assert row.distance_to_strike_pct == pytest.approx(1 - put.strike / float(row.stock_price))
    expiry = date.fromisoformat(put.lastTradeDateOrContractMonth)
    assert row.dte_remaining == (expiry - row.snapshot_date).days
    assert row.delta is not None and -1 < row.delta < 0
    assert row.missing == {} and row.price_source == "market"
    other = PositionSnapshot.objects.get(trade=long)
    assert other.current_premium is not None
    assert other.current_pnl == pytest.approx((other.current_premium - long.entry_price) * 200)
    assert other.distance_to_strike_pct == pytest.approx(call.strike / float(other.stock_price or 0) - 1)
    assert other.delta is not None and 0 < other.delta < 1
    assert (other.vix, other.spy_price) == (row.vix, row.spy_price) != (None, None)
    again = capture(desk)
    assert (again["captured"], again["already"], PositionSnapshot.objects.count()) == (0, 2, 2)
