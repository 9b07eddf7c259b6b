"""Commands about the broker behind the gateway: connectivity, permissions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from ..faults import Entitlement
from ..protocol.system import NO_REQUEST, printable
from .registry import CommandError, Result, command, integer, number, switch

if TYPE_CHECKING:
    from ..server import Gateway

A_DAY = 86400.0
FARM_NOTICES = {
    2103: "Market data farm connection is broken:usfarm",
    2104: "Market data farm connection is OK:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2107: "HMDS data farm connection is inactive but should be available upon demand.ushmds",
    2108: "Market data farm connection is inactive but should be available upon demand.usfarm",
    2110: "Connectivity between TWS and server is broken. It will be restored automatically.",
    2119: "Market data farm is connecting:usfarm",
    2157: "Sec-def data farm connection is broken:secdefil",
    2158: "Sec-def data farm connection is OK:secdefil",
}


@command("1100", "lose the broker: notice, then silence until 1101 or 1102; sockets stay open")
def broker_lost(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.lose_broker()
    return {}


@command("1101", "the broker is back, market data subscriptions are lost")
def broker_back_data_lost(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.restore_broker(data_lost=True)
    return {}


@command("1102", "the broker is back, market data subscriptions are kept")
def broker_back(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.restore_broker(data_lost=False)
    return {}


@command("clock-offset SECONDS", "set the broker's clock ahead of this machine's, or behind it")
def clock_offset(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.clock_offset = number(words[0], least=-A_DAY)
    return {}


@command("farm CODE", "send a data farm notice: 2103 to 2108, 2110, 2119, 2157, 2158")
def farm(gateway: Gateway, words: Sequence[str]) -> Result:
    code = integer(words[0])
    if code not in FARM_NOTICES:
        raise CommandError(f"{code} is not a farm notice; choose from {', '.join(map(str, FARM_NOTICES))}")
    for session in gateway.sessions.values():
        session.error(NO_REQUEST, code, FARM_NOTICES[code])
    return {"text": FARM_NOTICES[code]}


@command("entitle live|delayed|none [SYMBOL]", "market data permission of one symbol, or of all")
def entitle(gateway: Gateway, words: Sequence[str]) -> Result:
    if words[0] not in ("live", "delayed", "none"):
        raise CommandError("usage: entitle live|delayed|none [SYMBOL]")
    gateway.faults.entitle(cast(Entitlement, words[0]), words[1].upper() if len(words) == 2 else None)
    return {}


@command("readonly on|off", "read-only API: orders and questions about orders are answered with 321")
def read_only(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.read_only = switch(words[0])
    return {}


@command("bulletin TEXT...", "publish a news bulletin")
def bulletin(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.publish_bulletin(printable(" ".join(words)))
    return {"bulletins": len(gateway.bulletins)}
