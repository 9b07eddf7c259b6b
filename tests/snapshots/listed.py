"""Options that the simulated broker lists, found past the product."""

from __future__ import annotations

import asyncio
from datetime import date

from ib_async import IB, Contract, Option

from apps.broker.simulator.testing import SimulatorProcess


def listed(
    simulator: SimulatorProcess, symbol: str, right: str, moneyness: float, expires_after: date | None = None
) -> Contract:
    """With its strike at that share of the price; the fourth expiry, or the first after a day."""

    async def find() -> Contract:
        ib = IB()
        await ib.connectAsync("127.0.0.1", simulator.port, clientId=78, timeout=20)
        stock = Contract(symbol=symbol, secType="STK", exchange="SMART", currency="USD")
        [underlying] = await ib.qualifyContractsAsync(stock)
        chain = (await ib.reqSecDefOptParamsAsync(symbol, "", "STK", underlying.conId))[0]
        price = simulator.control(f"quote {symbol}")["quotes"][0]["last"]
        strike = min(chain.strikes, key=lambda strike: abs(strike - moneyness * price))
        days = sorted(chain.expirations)
        expiry = days[3] if expires_after is None else next(day for day in days if day > f"{expires_after:%Y%m%d}")
        [found] = await ib.qualifyContractsAsync(Option(symbol, expiry, strike, right, "SMART", currency="USD"))
        ib.disconnect()
        return found

    return asyncio.run(asyncio.wait_for(find(), 60))
