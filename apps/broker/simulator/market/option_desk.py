"""What an option costs: model values, quotes around them, and the volatilities quotes imply."""

from __future__ import annotations

from datetime import datetime
from math import ceil, exp, floor
from typing import Literal, NamedTuple

from ..types import Contract, OptionComputation, Quote, RequestError
from .black_scholes import Greeks, Terms, implied_volatility, option_greeks, option_price
from .calendars import to_datetime
from .catalogue import PENNY_OPTION_RULE
from .lines import Line
from .lookup import no_definition
from .noise import pick
from .option_listing import expiry_time
from .quotes import sizes
from .smile import INDEX_SKEW, SHARE_SKEW, Smile, make_smile

RISK_FREE_RATE = 0.04
Kind = Literal["bid", "ask", "last", "model"]
YEAR_SECONDS = 365 * 86400
_SHORTEST = 60.0  # seconds: the model needs some time to be left
_CACHED = 20_000


class Expiration(NamedTuple):
    terms: Terms
    smile: Smile


class OptionDesk:
    """Everything is a function of the contract, its underlying and the time asked for."""

    def __init__(self) -> None:
        self._expirations: dict[tuple[int, str, float], Expiration] = {}
        self._expiry_times: dict[str, int] = {}
        self._past_prices: dict[tuple[int, float], float] = {}

    def forget(self) -> None:
        """Prices changed by hand: what was computed for this moment no longer holds."""
        self._expirations.clear()
        self._past_prices.clear()

    def expiry_time(self, expiry: str) -> int:
        found = self._expiry_times.get(expiry)
        if found is None:
            found = self._expiry_times[expiry] = expiry_time(datetime.strptime(expiry, "%Y%m%d").date())
        return found

    def is_expired(self, contract: Contract, at: float) -> bool:
        return at >= self.expiry_time(contract.expiry)

    def greeks(self, contract: Contract, line: Line, at: float) -> tuple[float, Greeks, Terms]:
        """Model volatility, values and what they were computed with."""
        terms, smile = self._expiration(contract.expiry, line, at)
        volatility = smile.volatility(contract.strike)
        return volatility, option_greeks(terms, contract.strike, volatility, contract.right == "C"), terms

    def model_price(self, contract: Contract, line: Line, at: float, spot: float | None = None) -> float:
        """With another underlying price if given; intrinsic value from expiry on."""
        ends = self.expiry_time(contract.expiry)
        if at >= ends:
            return intrinsic(contract, line.price(ends) if spot is None else spot)
        terms, smile = self._expiration(contract.expiry, line, at)
        if spot is not None:
            smile = smile._replace(forward=smile.forward * spot / terms.spot)
            terms = terms._replace(spot=spot)
        return option_price(terms, contract.strike, smile.volatility(contract.strike), contract.right == "C")

    def quote(self, contract: Contract, line: Line, at: float) -> Quote:
        extremes = line.day_range(at)
        model = self.model_price(contract, line, at)
        expired = self.is_expired(contract, at)
        last = round(model, 2) if expired else shown_price(contract, model)
        first = shown_price(contract, self._past_price(contract, line, extremes.start))
        edges = [self.model_price(contract, line, at, exp(x)) for x in (extremes.high, extremes.low)]
        ends = [first, last, *(shown_price(contract, edge) for edge in edges)]
        previous = shown_price(contract, self._past_price(contract, line, line.previous_close_at(at)))
        bid, ask = (None, None) if expired else bid_and_ask(contract, model)
        bid_size, ask_size, last_size = sizes(contract, round(100 * last))
        volume = self.average_volume(contract, line) * line.volumes.between(extremes.start, at)
        return Quote(
            con_id=contract.con_id,
            bid=bid,
            ask=ask,
            last=last,
            bid_size=bid_size if bid else 0,
            ask_size=ask_size if ask else 0,
            last_size=last_size,
            open=first,
            high=max(ends),
            low=min(ends),
            close=previous,
            volume=int(volume / max(1, line.instrument.volume)),
            at=to_datetime(at),
            halted=line.prices.frozen,
        )

    def computation(self, contract: Contract, line: Line, at: float, kind: Kind) -> OptionComputation | None:
        """None once expired, without a price of that kind, or where no volatility explains it."""
        if self.is_expired(contract, at):
            return None
        volatility, greeks, terms = self.greeks(contract, line, at)
        if kind == "model":
            return as_computation(volatility, greeks, terms)
        bid, ask = bid_and_ask(contract, greeks.price)
        price = {"bid": bid, "ask": ask, "last": shown_price(contract, greeks.price)}[kind]
        return None if price is None else solve(contract, terms, price, volatility)

    def from_price(self, contract: Contract, line: Line, at: float, price: float, spot: float) -> OptionComputation:
        terms = self._custom_terms(contract, line, at, spot)
        found = solve(contract, terms, price, 0.3)
        if found is None:
            raise RequestError(321, f"Error validating request.-'bM' : cause - No volatility gives the price {price}")
        return found

    def from_volatility(
        self, contract: Contract, line: Line, at: float, volatility: float, spot: float
    ) -> OptionComputation:
        if volatility <= 0:
            raise RequestError(321, "Error validating request.-'bN' : cause - Volatility must be positive")
        terms = self._custom_terms(contract, line, at, spot)
        greeks = option_greeks(terms, contract.strike, volatility, contract.right == "C")
        return as_computation(volatility, greeks, terms)

    def average_volume(self, contract: Contract, line: Line) -> int:
        """Contracts on an average day: most near the money."""
        distance = abs(contract.strike / exp(line.instrument.log_level) - 1)
        return int(line.instrument.volume / 4000 * exp(-8 * distance) * (0.5 + pick(contract.con_id, 1, 100) / 100))

    def open_interest(self, contract: Contract, line: Line) -> int:
        return self.average_volume(contract, line) * (3 + pick(contract.con_id, 2, 12))

    def _past_price(self, contract: Contract, line: Line, at: float) -> float:
        key = (contract.con_id, at)
        found = self._past_prices.get(key)
        if found is None:
            if len(self._past_prices) > _CACHED:
                self._past_prices.clear()
            found = self._past_prices[key] = self.model_price(contract, line, at)
        return found

    def _custom_terms(self, contract: Contract, line: Line, at: float, spot: float) -> Terms:
        if spot <= 0:
            raise RequestError(321, "Error validating request.-'bM' : cause - Underlying price must be positive")
        if self.is_expired(contract, at):
            raise no_definition()
        return self._expiration(contract.expiry, line, at).terms._replace(spot=spot)

    def _expiration(self, expiry: str, line: Line, at: float) -> Expiration:
        key = (line.contract.con_id, expiry, at)
        found = self._expirations.get(key)
        if found is None:
            if len(self._expirations) > _CACHED:
                self._expirations.clear()
            found = self._expirations[key] = self._make_expiration(expiry, line, at)
        return found

    def _make_expiration(self, expiry: str, line: Line, at: float) -> Expiration:
        years = max(self.expiry_time(expiry) - at, _SHORTEST) / YEAR_SECONDS
        terms = Terms(line.price(at), years, RISK_FREE_RATE, line.instrument.dividend_yield)
        forward = terms.spot * exp((terms.rate - terms.dividend_yield) * years)
        skew = SHARE_SKEW if line.contract.stock_type == "COMMON" else INDEX_SKEW
        return Expiration(terms, make_smile(forward, years, line.implied_volatility(at), line.usual_volatility, skew))


def intrinsic(contract: Contract, spot: float) -> float:
    return max(0.0, spot - contract.strike if contract.right == "C" else contract.strike - spot)


def tick_at(contract: Contract, price: float) -> float:
    return 0.01 if price < 3 or contract.market_rule_id == PENNY_OPTION_RULE else 0.05


def shown_price(contract: Contract, price: float) -> float:
    """Nothing trades below one cent."""
    tick = tick_at(contract, price)
    return max(0.01, round(floor(price / tick + 0.5) * tick, 2))


def bid_and_ask(contract: Contract, model: float) -> tuple[float | None, float]:
    """No bid when even the smallest one would pay more than the option is worth."""
    half = 0.002 + min(0.012 * model, 0.05 + 0.002 * model)
    lower, upper = max(model - half, 0.0), model + half
    down, up = tick_at(contract, lower), tick_at(contract, upper)
    bid = round(floor(lower / down + 1e-9) * down, 2)
    return bid or None, round(ceil(upper / up - 1e-9) * up, 2)


def solve(contract: Contract, terms: Terms, price: float, guess: float) -> OptionComputation | None:
    is_call = contract.right == "C"
    volatility = implied_volatility(terms, contract.strike, price, is_call, guess)
    if volatility is None:
        return None
    greeks = option_greeks(terms, contract.strike, volatility, is_call)
    return as_computation(volatility, greeks._replace(price=price), terms)


def as_computation(volatility: float, greeks: Greeks, terms: Terms) -> OptionComputation:
    return OptionComputation(
        implied_volatility=volatility,
        delta=greeks.delta,
        price=greeks.price,
        dividend_present_value=terms.spot * (1 - exp(-terms.dividend_yield * terms.years)),
        gamma=greeks.gamma,
        vega=greeks.vega,
        theta=greeks.theta,
        underlying_price=terms.spot,
    )
