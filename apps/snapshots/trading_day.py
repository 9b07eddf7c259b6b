"""Which trading day a moment belongs to, and whether a market is closed, by the exchange of an instrument."""

from __future__ import annotations

from datetime import date, datetime

from apps.broker.domain.trading_calendars import calendar_of
from apps.broker.models import Instrument
from tradeops.lib.sessions import Session, UnknownCalendar, is_open, last_session

NEW_YORK = "XNYS"


def trading_day(now: datetime, instrument: Instrument | None = None) -> date:
    """The day of the session that goes on or has ended last: until the next one opens, its closing quotes stand.

    New York's where no other calendar can be told.
    """
    return trading_session(now, instrument)[0]


def trading_session(now: datetime, instrument: Instrument | None = None) -> tuple[date, Session]:
    """The session of that day, with the day itself."""
    return last_session(NEW_YORK if instrument is None else calendar_for(instrument), now)


def calendar_for(instrument: Instrument) -> str:
    found = calendar_of(
        sec_type=instrument.sec_type,
        primary_exchange=instrument.primary_exchange,
        exchange=instrument.exchange,
        currency=instrument.currency,
    )
    return found or NEW_YORK


def is_closed(instrument: Instrument, now: datetime) -> bool:
    """False where nobody can tell."""
    try:
        return not is_open(calendar_for(instrument), now)
    except UnknownCalendar:
        return False
