"""A line that can be quoted: its instrument joined with its price, volatility and volume paths."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

from .adjustments import AdjustedPath
from .calendars import Venue, venues
from .catalogue import Instrument
from .factors import REFERENCE_DAY, Factors
from .noise import Noise
from .paths import Path
from .volumes import VolumePath

_VOLATILITY_PREMIUM = 1.06  # implied over realised
_OWN_VOLATILITY = 0.021


@dataclass(slots=True)
class DayRange:
    """Running extremes of the line's current day, log prices."""

    start: float
    upto: float
    high: float
    low: float
    until: float  # the day ends here


class Line:
    """All prices in logs unless a method says `price`."""

    def __init__(self, noise: Noise, factors: Factors, instrument: Instrument) -> None:
        self.instrument = instrument
        self.contract = instrument.contract
        self.venue: Venue = venues()[instrument.venue]
        self.prices = AdjustedPath(_price_path(noise, factors, instrument, self.venue))
        self.volatility = AdjustedPath(_volatility_path(noise, factors, instrument, self.venue))
        self.volumes = VolumePath(noise, self.venue, instrument.noise_name, instrument.volume)
        self._range: DayRange | None = None

    @property
    def has_volatility(self) -> bool:
        """Whether options on it exist, here or in reality."""
        return self.instrument.has_options or self.contract.symbol == "SPX"

    def price(self, at: float) -> float:
        return exp(self.prices.value(at))

    def implied_volatility(self, at: float) -> float:
        """At the money, 30 days, annual."""
        return exp(self.volatility.value(at))

    @property
    def usual_volatility(self) -> float:
        """Where implied volatility returns to in the long run."""
        return _VOLATILITY_PREMIUM * self.instrument.annual_volatility

    def forget_range(self) -> None:
        self._range = None

    def day_range(self, at: float) -> DayRange:
        """From the open, or before it from the start of the day, to a moment that never goes back."""
        current = self._range
        if current is None or not current.start <= at < current.until:
            start, until = self._day_span(at)
            _, high, low, _ = self.prices.ohlc(start, at)
            self._range = current = DayRange(start, at, high, low, until)
        elif at > current.upto:
            _, high, low, _ = self.prices.ohlc(current.upto, at)
            current.high, current.low, current.upto = max(current.high, high), min(current.low, low), at
        return current

    def previous_close_at(self, at: float) -> int:
        """When the regular session before the current day closed."""
        day = self.venue.previous_trading_day(self.venue.day_at(at))
        return self.venue.regular_close(day)

    def last_session_end(self, at: float) -> float:
        """Now inside a regular session, else the close of the last one."""
        return min(at, self.venue.regular_close(self.venue.latest_trading_day(at)))

    def _day_span(self, at: float) -> tuple[int, int]:
        segments = self.venue.segments(self.venue.day_at(at))
        opens = next((segment.start for segment in segments if segment.kind == "regular"), segments[0].start)
        return (opens, segments[-1].end) if at >= opens else (segments[0].start, opens)


def _price_path(noise: Noise, factors: Factors, instrument: Instrument, venue: Venue) -> Path:
    terms = [(factors.named(name, volatility), weight) for name, volatility, weight in instrument.factors]
    if instrument.market_weight:
        terms.append((factors.market, instrument.market_weight))
    level = instrument.log_level - sum(weight * factor.level(REFERENCE_DAY) for factor, weight in terms)
    if instrument.fear_weight:
        terms += [(factors.fear, instrument.fear_weight), (factors.volatility, instrument.fear_weight)]
    return Path(
        noise,
        venue,
        name=instrument.noise_name,
        level=level,
        annual_drift=instrument.annual_drift,
        terms=terms,
        daily_deviation=instrument.daily_deviation,
        market_key=noise.key("market minutes"),
        market_correlation=instrument.market_correlation,
    )


def _volatility_path(noise: Noise, factors: Factors, instrument: Instrument, venue: Venue) -> Path:
    weight = 0.4 + 0.6 * abs(instrument.market_correlation)
    own = factors.named(f"volatility:{instrument.noise_name}", _OWN_VOLATILITY * 16.3, persistence=0.95)
    deviation = sqrt((0.069 * weight) ** 2 + _OWN_VOLATILITY**2)
    return Path(
        noise,
        venue,
        name=f"volatility:{instrument.noise_name}",
        level=log(_VOLATILITY_PREMIUM * instrument.annual_volatility),
        annual_drift=0.0,
        terms=[(factors.fear, weight), (factors.volatility, weight), (own, 1.0)],
        daily_deviation=deviation,
        market_key=noise.key("market minutes"),
        market_correlation=-0.062 * weight / deviation,
    )
