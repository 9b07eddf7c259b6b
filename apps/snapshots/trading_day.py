"""Which trading day a moment belongs to, at the exchange of an instrument."""

from __future__ import annotations

from datetime import date, datetime

from apps.broker.models import Instrument
from apps.snapshots.option_market import trading_calendar
from tradeops.lib.sessions import last_session

NEW_YORK = "XNYS"


def trading_day(now: datetime, instrument: Instrument | None = None) -> date:
    """The day of the session that goes on or has ended last: until the next one opens, its closing quotes stand.

    New York's where no other calendar can be told.
    """
    calendar = (trading_calendar(instrument) if instrument is not None else None) or NEW_YORK
    return last_session(calendar, now)[0]
