"""Families of order types and times in force."""

from __future__ import annotations

MARKET, LIMIT = "MKT", "LMT"
# What an order becomes once its trigger price was reached.
TRIGGERED = {
    "STP": MARKET,
    "STP LMT": LIMIT,
    "TRAIL": MARKET,
    "TRAIL LIMIT": LIMIT,
    "MIT": MARKET,
    "LIT": LIMIT,
}
TRAILING = frozenset({"TRAIL", "TRAIL LIMIT"})
IF_TOUCHED = frozenset({"MIT", "LIT"})
# What an order becomes at the close.
AUCTION = {"MOC": MARKET, "LOC": LIMIT}
MIDPOINT = "MIDPRICE"
# Assumed of the real gateway: nothing about their prices. They are accepted and rest without ever being filled.
RESTING = frozenset({"PEG MID", "PEGMID", "PEG BEST", "PEGBEST", "PEG BENCH", "PEGBENCH", "REL", "VOL"})
SUPPORTED = frozenset({MARKET, LIMIT, MIDPOINT, *TRIGGERED, *AUCTION, *RESTING})
COMBO = frozenset({MARKET, LIMIT})
NEEDS_LIMIT = frozenset({"LMT", "STP LMT", "LOC", "LIT"})
NEEDS_STOP = frozenset({"STP", "STP LMT", "MIT", "LIT"})

DAY, GTC, GTD, IOC, FOK = "DAY", "GTC", "GTD", "IOC", "FOK"
TIMES_IN_FORCE = frozenset({DAY, GTC, GTD, IOC, FOK})
IMMEDIATE = frozenset({IOC, FOK})
