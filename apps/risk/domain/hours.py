"""When does an instrument trade? Told from its kind and its exchange; what cannot be told is Unknown."""

from __future__ import annotations

from datetime import datetime, time, tzinfo
from zoneinfo import ZoneInfo

from apps.broker.domain.trading_calendars import calendar_of
from tradeops.lib.known import Known, Unknown
from tradeops.lib.sessions import UnknownCalendar, is_open

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
# Currencies: from Sunday to Friday, with a pause at the end of each New York day.
CURRENCIES_CLOSE, CURRENCIES_OPEN = time(17, 0), time(17, 15)
DAY, CLOSED = "%Y%m%d", "CLOSED"


def market_is_open(
    *, sec_type: str, primary_exchange: str, exchange: str, currency: str, now: datetime
) -> Known[bool] | Unknown:
    if sec_type == "CRYPTO":
        return Known(True, now)
    if sec_type == "CASH":
        return Known(currencies_trade(now), now)
    calendar = calendar_of(sec_type=sec_type, primary_exchange=primary_exchange, exchange=exchange, currency=currency)
    if calendar is None:
        return Unknown(f"no calendar is known for {primary_exchange or exchange or sec_type} {currency}")
    try:
        return Known(is_open(calendar, now), now)
    except UnknownCalendar as error:
        return Unknown(str(error))


def currencies_trade(now: datetime) -> bool:
    local = now.astimezone(NEW_YORK)
    day, at = local.weekday(), local.time()
    if day == SATURDAY:
        return False
    if day == SUNDAY:
        return at >= CURRENCIES_OPEN
    if day == FRIDAY:
        return at < CURRENCIES_CLOSE
    return not CURRENCIES_CLOSE <= at < CURRENCIES_OPEN


def trades_by(liquid_hours: str, zone: tzinfo, now: datetime) -> bool | None:
    """Whether the broker's liquid hours of an instrument hold `now`; None where they do not name that day.

    As TWS states them: `20260302:0930-20260302:1600;20260303:CLOSED`, in the exchange's own zone. Raises ValueError.
    """
    local = now.astimezone(zone)
    is_named = False
    for part in filter(None, (part.strip() for part in liquid_hours.split(";"))):
        day, _, rest = part.partition(":")
        is_named = is_named or datetime.strptime(day, DAY).date() == local.date()
        if rest == CLOSED:
            continue
        opens, _, closes = part.partition("-")
        if _moment(opens, zone) <= local < _moment(closes, zone):
            return True
    return False if is_named else None


def _moment(text: str, zone: tzinfo) -> datetime:
    return datetime.strptime(text, f"{DAY}:%H%M").replace(tzinfo=zone)
