"""What the broker's message codes mean for us. One table; raise its version when a row changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

TABLE_VERSION = 1


class Meaning(StrEnum):
    BROKER_LOST = "broker lost"
    BROKER_BACK_DATA_LOST = "broker back, data lost"
    BROKER_BACK = "broker back"
    FARM_BROKEN = "farm broken"
    FARM_OK = "farm ok"
    COMPETING_SESSION = "competing session"
    NOT_ENTITLED = "no market data permission"
    DELAYED = "delayed data delivered"
    NO_LINES = "market data lines exhausted"
    PACING = "too many messages"
    LOGIN = "login refused"
    REQUEST = "the request was refused"
    ORDER_VERDICT = "verdict on an order"
    ORDER_NOTE = "note on a live order"
    MARGIN = "margin liquidation warning"
    INFORMATION = "information"
    UNLISTED = "not in the table"


class Severity(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Rule:
    meaning: Meaning
    severity: Severity


def _rows(meaning: Meaning, severity: Severity, codes: Iterable[int]) -> dict[int, Rule]:
    return dict.fromkeys(codes, Rule(meaning, severity))


TABLE = MappingProxyType(
    _rows(Meaning.BROKER_LOST, Severity.ERROR, [1100, 2110])
    | _rows(Meaning.BROKER_BACK_DATA_LOST, Severity.WARN, [1101])
    | _rows(Meaning.BROKER_BACK, Severity.INFO, [1102])
    | _rows(Meaning.FARM_BROKEN, Severity.WARN, [2103, 2105, 2157])
    | _rows(Meaning.FARM_OK, Severity.INFO, [2104, 2106, 2158])
    | _rows(Meaning.INFORMATION, Severity.INFO, [300, 2100, 2107, 2108, 2119])
    | _rows(Meaning.COMPETING_SESSION, Severity.ERROR, [10197])
    | _rows(Meaning.NOT_ENTITLED, Severity.WARN, [354, 10089, 10090, 10168, 10186])
    | _rows(Meaning.DELAYED, Severity.INFO, [10167])
    | _rows(Meaning.NO_LINES, Severity.WARN, [101, 10190])
    | _rows(Meaning.PACING, Severity.WARN, [100])
    | _rows(Meaning.LOGIN, Severity.ERROR, [326, 502, 503, 504, 506, 507, 1300])
    | _rows(Meaning.REQUEST, Severity.WARN, [162, 165, 200, 203, 320, 321, 322, 366, 420, 434, 492])
    | _rows(Meaning.ORDER_VERDICT, Severity.WARN, [103, 104, 110, 135, 201, 10147, 10148])
    | _rows(Meaning.ORDER_VERDICT, Severity.INFO, [161, 202])
    | _rows(Meaning.ORDER_NOTE, Severity.INFO, [105, 329, 399, 404, 2109, 10349])
    | _rows(Meaning.MARGIN, Severity.ERROR, [2148])
)

UNLISTED_INFORMATION = range(2100, 2200)
FARM_KINDS = MappingProxyType(
    {
        2103: "market data",
        2104: "market data",
        2105: "history",
        2106: "history",
        2157: "definitions",
        2158: "definitions",
    }
)


def rule_for(code: int) -> Rule:
    """Codes that the table does not list are warnings, 2100 to 2199 information: nothing unknown passes silently."""
    if code in TABLE:
        return TABLE[code]
    return Rule(Meaning.UNLISTED, Severity.INFO if code in UNLISTED_INFORMATION else Severity.WARN)


def farm_of(code: int, text: str) -> str:
    """`market data usfarm` out of code 2103 and `Market data farm connection is broken:usfarm`."""
    name = re.search(r":\s*(\S+)$", text.strip()) or re.search(r"\.\s*(\w+)$", text.strip())
    return f"{FARM_KINDS[code]} {name[1] if name else ''}".strip()
