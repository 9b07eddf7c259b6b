"""The registry of API client ids: who uses which, and what may not be shared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.broker.config import DOCTOR_CLIENT_ID, BrokerConfig

# The systems that TradeOps replaces. 1001 is also our data link's default, so it is only worth a warning.
FORMER_TRADER, FORMER_API, FORMER_BOT = 10, 1010, 1001


@dataclass(frozen=True, slots=True)
class Conflict:
    message: str
    hint: str
    serious: bool


def registry(config: BrokerConfig) -> dict[str, int]:
    """Every client id of this installation by the name of its user."""
    return {"trading link": config.client_id, "data link": config.data_client_id, "doctor": DOCTOR_CLIENT_ID}


def conflicts(config: BrokerConfig) -> Iterator[Conflict]:
    users = registry(config)
    hint = "Set IBKR_CLIENT_ID to a number from 1 to 998 that no other program uses, nor that number + 1000."
    for name, number in users.items():
        twins = [other for other, taken in users.items() if taken == number and other > name]
        for twin in twins:
            yield Conflict(f"The {name} and the {twin} share client id {number}.", hint, serious=True)
    for former, number in {"AutoTrader's trader": FORMER_TRADER, "AutoTrader's API": FORMER_API}.items():
        taken = [name for name, used in users.items() if used == number]
        if taken:
            yield Conflict(f"The {taken[0]} uses client id {number}, which is {former} id.", hint, serious=True)
    if FORMER_BOT in users.values():
        yield Conflict(
            f"The data link uses client id {FORMER_BOT}, the default of AiStock.",
            "Harmless unless AiStock still runs against the same TWS: then set IBKR_CLIENT_ID to another number.",
            serious=False,
        )
