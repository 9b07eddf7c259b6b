"""Commands that move the market and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .registry import Result, command, integer, number, switch

if TYPE_CHECKING:
    from ..server import Gateway

MOST_STEPS = 100_000


@command("price SYMBOL VALUE", "move a line to a price")
def price(gateway: Gateway, words: Sequence[str]) -> Result:
    contract = gateway.market.set_price(words[0].upper(), number(words[1], least=0.0001))
    _everything_may_have_moved(gateway)
    quote = gateway.market.quote(contract.con_id)
    return {"con_id": contract.con_id, "bid": quote.bid, "ask": quote.ask, "last": quote.last}


@command("halt SYMBOL on|off", "halt trading in a line")
def halt(gateway: Gateway, words: Sequence[str]) -> Result:
    contract = gateway.market.halt(words[0].upper(), switch(words[1]))
    _everything_may_have_moved(gateway)
    return {"con_id": contract.con_id}


@command("freeze-data on|off", "no ticks, and new subscriptions get the old prices; trading goes on")
def freeze_data(gateway: Gateway, words: Sequence[str]) -> Result:
    if switch(words[0]):
        gateway.feed.freeze()
    else:
        gateway.feed.thaw()
        _everything_may_have_moved(gateway)
    return {"frozen": gateway.feed.is_frozen}


def _everything_may_have_moved(gateway: Gateway) -> None:
    """Other lines follow one that is moved: an index its members, options their underlying."""
    gateway.market_moved(frozenset(contract.con_id for contract in gateway.market.all_contracts()))


@command("tick [N]", "move the market by N steps at once")
def tick(gateway: Gateway, words: Sequence[str]) -> Result:
    steps = min(integer(words[0], least=1) if words else 1, MOST_STEPS)
    gateway.step(steps)
    return {"steps": steps, "now": gateway.market.now().isoformat()}


@command("now", "the simulated time")
def now(gateway: Gateway, words: Sequence[str]) -> Result:
    return {"now": gateway.market.now().isoformat()}


@command("quote SYMBOL", "the present quotes of all lines of a symbol, options excepted")
def quote(gateway: Gateway, words: Sequence[str]) -> Result:
    found = [contract for contract in gateway.market.all_contracts() if contract.symbol == words[0].upper()]
    rows = []
    for contract in found:
        state = gateway.market.quote(contract.con_id)
        row = {"con_id": contract.con_id, "currency": contract.currency, "sec_type": contract.sec_type}
        rows.append(row | {"bid": state.bid, "ask": state.ask, "last": state.last, "halted": state.halted})
    return {"quotes": rows}


@command("end-day", "end the trading day: DAY orders expire, the day's profit starts at zero")
def end_day(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.exchange.end_day()
    return {}
