"""What it has cost: the past never changes, and its last bar ends at the current price."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from ..types import Bar, Contract, HistoricalTick, RequestError, Session
from .bars import make_bars, whole_periods
from .calendars import to_datetime
from .durations import bar_seconds, check_length, parse_duration
from .lines import Line
from .lookup import no_definition
from .option_desk import OptionDesk
from .option_listing import listed_from
from .series import Series, historical_volatility, line_series, no_data, option_series
from .spans import FIRST_DAY, hours_text, sessions_between, span_of, spans_back
from .ticks import histogram_duration, price_histogram, ticks_after, ticks_before

_HOURS_DAYS = 7


class History:
    def __init__(self, lines: dict[int, Line], desk: OptionDesk) -> None:
        self._lines = lines
        self._desk = desk

    def bars(
        self,
        contract: Contract,
        now: float,
        end: datetime | None,
        duration_text: str,
        bar_size: str,
        what: str,
        use_rth: bool,
    ) -> list[Bar]:
        duration, size = parse_duration(duration_text), bar_seconds(bar_size)
        check_length(duration, size)
        series, line = self._series(contract, what), self._line(contract)
        born, last = self._life(contract, now)
        until = min(last, end.timestamp()) if end else last
        running = until == last
        spans = spans_back(line.venue, until, duration, use_rth)
        spans = whole_periods(line.venue, spans, size, use_rth, with_running=running)
        spans = [span for span in spans if span.start >= born]
        bars = make_bars(line.venue, series, spans, size, until, with_running=running)
        if not bars:
            raise no_data(contract, what)
        return bars

    def schedule(
        self, contract: Contract, now: float, end: datetime | None, duration_text: str, use_rth: bool
    ) -> list[Session]:
        """whatToShow SCHEDULE."""
        venue = self._line(contract).venue
        until = min(now, end.timestamp()) if end else now
        spans = spans_back(venue, until, parse_duration(duration_text), use_rth)
        return [Session(to_datetime(span.start), to_datetime(span.end), f"{span.day:%Y%m%d}") for span in spans]

    def head_timestamp(self, contract: Contract, now: float, what: str) -> datetime:
        """When the first bar of this kind begins."""
        self._series(contract, what)
        venue = self._line(contract).venue
        born, _ = self._life(contract, now)
        day = max(FIRST_DAY, to_datetime(born).date())
        while (span := span_of(venue, day, use_rth=True)) is None or span.start < born:
            day += timedelta(days=1)
        return to_datetime(span.start)

    def sessions(self, contract: Contract, start: datetime, end: datetime) -> list[Session]:
        return sessions_between(self._line(contract).venue, start, end)

    def trading_hours(self, contract: Contract, now: float) -> tuple[str, str]:
        venue = self._line(contract).venue
        first = datetime.fromtimestamp(now, venue.zone).date()
        use_rth = contract.sec_type == "OPT"
        return (
            hours_text(venue, first, _HOURS_DAYS, use_rth=use_rth),
            hours_text(venue, first, _HOURS_DAYS, use_rth=True),
        )

    def ticks(
        self, contract: Contract, now: float, start: datetime | None, end: datetime | None, count: int, what: str
    ) -> list[HistoricalTick]:
        """TRADES, MIDPOINT or BID_ASK: from the start on, or without one the last before the end."""
        if bool(start) == bool(end):
            raise RequestError(
                321, "Error validating request.-'bT' : cause - Either the start or the end time is needed"
            )
        series, venue = self._series(contract, what), self._line(contract).venue
        if start:
            return ticks_after(venue, series, start.timestamp(), now, count)
        return ticks_before(venue, series, min(now, end.timestamp() if end else now), count)

    def histogram(self, contract: Contract, now: float, period: str, use_rth: bool) -> list[tuple[float, int]]:
        duration = histogram_duration(period)
        what = "MIDPOINT" if contract.sec_type == "CASH" else "TRADES"
        size = "1 min" if duration.endswith("S") else "5 mins"
        return price_histogram(self.bars(contract, now, None, duration, size, what, use_rth), contract.min_tick)

    def historical_volatility(self, contract: Contract, now: float) -> float:
        line = self._line(contract)
        day = line.venue.latest_trading_day(now)
        return historical_volatility(line, day, min(now, line.venue.regular_close(day)))

    def _life(self, contract: Contract, now: float) -> tuple[float, float]:
        """The first and the last moment with prices."""
        if contract.sec_type != "OPT":
            return datetime.combine(FIRST_DAY, time(), UTC).timestamp(), now
        return listed_from(contract), min(now, self._desk.expiry_time(contract.expiry))

    def _series(self, contract: Contract, what: str) -> Series:
        line = self._line(contract)
        if contract.sec_type == "OPT":
            return option_series(contract, line, self._desk, what)
        return line_series(line, what)

    def _line(self, contract: Contract) -> Line:
        line = self._lines.get(contract.under_con_id or contract.con_id)
        if line is None:
            raise no_definition()
        return line
