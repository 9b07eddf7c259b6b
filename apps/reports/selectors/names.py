"""What instruments are called in reports."""

from __future__ import annotations

from apps.broker.models import Instrument


def name_of(instrument: Instrument) -> str:
    """Tells an option from its underlying: `SPY 18 Dec 26 595 P`."""
    if instrument.right and instrument.expires_on and instrument.strike is not None:
        due, strike = instrument.expires_on, f"{instrument.strike.normalize():f}"
        return f"{instrument.symbol} {due.day} {due:%b %y} {strike} {instrument.right}"
    return " ".join(instrument.local_symbol.split()) or instrument.symbol
