"""Quotes read at the broker now: live, else delayed, each with the name of where its price comes from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from ib_async import Contract, OptionComputation, Ticker

from apps.broker.domain.codes import Meaning, rule_for
from apps.broker.domain.prices import ChosenPrice, Greeks, Quote, choose_price
from apps.broker.exceptions import AnswerError, BrokerError, NotConnectedError
from apps.broker.gateway import parsing
from apps.broker.gateway.contracts import NO_SUCH_CONTRACT, Contracts
from apps.broker.gateway.lines import DELAYED, DELAYED_FROZEN, LINK_LOST, LIVE, Line, Lines
from apps.broker.gateway.sharing import Shared

# IB sends the first values of a subscription within a second or two; what is not there then does not come.
PATIENCE_SECONDS = 2.0
# Once there is a price, so long for the rest of the first packet.
REST_SECONDS = 0.25
OPTION_TYPES = frozenset({"OPT", "FOP"})


class Quotes:
    def __init__(self, lines: Lines, contracts: Contracts) -> None:
        self._lines = lines
        self._contracts = contracts
        self._shared: Shared[dict[str, Any]] = Shared()

    async def answer(self, con_ids: Sequence[int], *, fresh: bool = False) -> list[dict[str, Any]]:
        """One row per contract, in the order asked; `fresh` of now, also where the market is quiet.

        Raises NotConnectedError when the link is lost on the way.
        """
        wanted = [self._shared.get((con_id, fresh), partial(self._row, con_id, fresh)) for con_id in con_ids]
        return [known.value for known in await asyncio.gather(*wanted)]

    async def _row(self, con_id: int, fresh: bool) -> dict[str, Any]:
        try:
            return await self._quoted(con_id, await self._contracts.for_data(con_id), fresh)
        except NotConnectedError:
            raise
        except BrokerError as error:
            exists = False if isinstance(error, AnswerError) and error.code == NO_SUCH_CONTRACT else None
            return quote_answer(con_id, None, [], None, str(error), exists=exists)

    async def _quoted(self, con_id: int, contract: Contract, fresh: bool) -> dict[str, Any]:
        held = self._delayed_by_refusal(con_id)
        if held is not None:
            quote = quote_of(held)
            # A line is kept delayed only where live prices are not permitted.
            return quote_answer(con_id, contract, [quote], choose_price([quote]), held.note, Meaning.NOT_ENTITLED)
        quotes: list[Quote] = []
        notes: list[str] = []
        refusal = None
        for data_type in (LIVE, DELAYED, DELAYED_FROZEN):
            quote, note, meaning = await self._try(contract, data_type, fresh)
            quotes.append(quote)
            notes += [note] if note and note not in notes else []
            refusal = refusal or meaning
            if quote.market_price is not None or (data_type == DELAYED and choose_price(quotes)):
                break
        return quote_answer(con_id, contract, quotes, choose_price(quotes), " ".join(notes), refusal)

    def _delayed_by_refusal(self, con_id: int) -> Line | None:
        """A kept line that has a delayed price because live ones were refused: to ask again would change nothing."""
        line = self._lines.kept(con_id)
        if line is None or line.data_type == LIVE:
            return None
        quote = quote_of(line)
        return line if quote.is_delayed and quote.market_price is not None else None

    async def _try(self, contract: Contract, data_type: int, fresh: bool) -> tuple[Quote, str, Meaning | None]:
        async with self._lines.line(contract, data_type, fresh=fresh) as line:
            await first_values(line)
            if line.code == LINK_LOST:
                raise NotConnectedError(line.text)
            if line.code == NO_SUCH_CONTRACT:
                # Our table still describes an expired option: only the subscription tells that it is gone.
                raise AnswerError(hint(contract, line), NO_SUCH_CONTRACT)
            return quote_of(line), hint(contract, line), rule_for(line.code).meaning if line.code else None


async def first_values(line: Line) -> None:
    """Until the first values are complete, or no more are to be expected."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_SECONDS
    while not line.code and loop.time() < end:
        quote = quote_of(line)
        if is_enough(line, quote):
            if is_complete(quote):
                return
            end = min(end, loop.time() + REST_SECONDS)
        line.changed.clear()
        try:
            await asyncio.wait_for(line.changed.wait(), end - loop.time())
        except TimeoutError:
            return


def is_enough(line: Line, quote: Quote) -> bool:
    return quote.market_price is not None and (line.contract.secType not in OPTION_TYPES or quote.greeks is not None)


def is_complete(quote: Quote) -> bool:
    return None not in (quote.bid, quote.ask, quote.last, quote.close)


def quote_of(line: Line) -> Quote:
    ticker = line.ticker
    return Quote(
        market_data_type=ticker.marketDataType,
        bid=parsing.price(ticker.bid),
        ask=parsing.price(ticker.ask),
        last=parsing.price(ticker.last),
        close=parsing.price(ticker.close),
        at=parsing.utc(ticker.time) if ticker.time else None,
        is_halted=ticker.halted > 0,
        greeks=greeks_of(ticker),
    )


def greeks_of(ticker: Ticker) -> Greeks | None:
    """The broker's model; of the last trade or the market where it has none."""
    sources = (ticker.modelGreeks, ticker.lastGreeks, ticker.bidGreeks, ticker.askGreeks)
    model = next((source for source in sources if source is not None and source.delta is not None), None)
    return None if model is None else _greeks(model)


def _greeks(model: OptionComputation) -> Greeks:
    return Greeks(
        implied_volatility=parsing.option_value(model.impliedVol),
        delta=parsing.greek(model.delta),
        gamma=parsing.greek(model.gamma),
        vega=parsing.greek(model.vega),
        theta=parsing.greek(model.theta),
        option_price=parsing.option_value(model.optPrice),
        underlying_price=parsing.option_value(model.undPrice),
    )


def hint(contract: Contract, line: Line) -> str:
    """What a person can do about missing live data."""
    if not line.code:
        return ""
    name = contract.localSymbol or contract.symbol
    match rule_for(line.code).meaning:
        case Meaning.NOT_ENTITLED:
            kind = "live" if line.data_type == LIVE else "delayed"
            return (
                f"No {kind} market data permission for {name} (IBKR {line.code}): subscribe to its exchange in Client "
                "Portal under Settings, Market Data Subscriptions, and share it with the paper account."
            )
        case Meaning.NO_LINES:
            return (
                f"All market data lines are in use (IBKR {line.code}): close quotes elsewhere, "
                "or lower IBKR_MARKET_DATA_LINES."
            )
        case _:
            return f"{line.text} (IBKR {line.code})"


def quote_answer(
    con_id: int,
    contract: Contract | None,
    quotes: Sequence[Quote],
    chosen: ChosenPrice | None,
    note: str,
    refusal: Meaning | None = None,
    *,
    exists: bool | None = True,
) -> dict[str, Any]:
    """`refusal`: what the broker refused first, None where it refused nothing.

    `exists`: False where the broker said that there is no such contract, None where it could not be asked about it.
    """
    shown = chosen.quote if chosen else next(iter(quotes), None)
    greeks = shown.greeks if shown else None
    number = parsing.decimal_text
    return {
        "con_id": con_id,
        "exists": exists,
        "symbol": contract.symbol if contract else "",
        "price": number(chosen.price) if chosen else None,
        "price_source": chosen.source.value if chosen else None,
        "bid": number(shown.bid) if shown else None,
        "ask": number(shown.ask) if shown else None,
        "last": number(shown.last) if shown else None,
        "close": number(shown.close) if shown else None,
        "market_data_type": shown.market_data_type if shown and chosen else None,
        "at": shown.at.isoformat() if shown and shown.at else None,
        "currency": contract.currency if contract else "",
        "is_halted": any(quote.is_halted for quote in quotes),
        "greeks": {name: number(getattr(greeks, name)) for name in Greeks.__slots__} if greeks else None,
        "note": note,
        "refusal": refusal.value if refusal else None,
    }
