"""One short, harmless login at the gateway, for `doctor`: reachable, logged in, whose accounts, which time."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from ib_async import IB, StartupFetchNONE

from apps.broker.config import DOCTOR_CLIENT_ID, BrokerConfig
from apps.broker.domain.mode import Login, chosen_account, refusal
from apps.broker.exceptions import BrokerError

TIMEOUT = 8.0


class ProbeError(BrokerError):
    """The gateway could not be asked; the text says what to look at."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """`refusal`: why this login may not be used with these settings, empty when it may."""

    account: str
    refusal: str
    server_version: int
    broker_time: datetime


def probe(config: BrokerConfig, *, unlocked: bool) -> ProbeResult:
    """Connect with the doctor's own client id, read accounts and time, leave. `unlocked`: live trading is.

    Raises ProbeError when nothing listens, nobody is logged in, or the answer does not come within 8 s.
    """
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    return asyncio.run(_probe(config, unlocked))


async def _probe(config: BrokerConfig, unlocked: bool) -> ProbeResult:
    where = f"{config.host}:{config.port}"
    ib = IB()
    ib.RaiseRequestErrors = True
    try:
        await ib.connectAsync(config.host, config.port, DOCTOR_CLIENT_ID, timeout=TIMEOUT, fetchFields=StartupFetchNONE)
        broker_time = await asyncio.wait_for(ib.reqCurrentTimeAsync(), TIMEOUT)
        accounts = ib.managedAccounts()
        login = Login(config.paper_trading, config.port, config.account, accounts, unlocked)
        return ProbeResult(
            account=chosen_account(config.account, accounts),
            refusal=refusal(login),
            server_version=ib.client.serverVersion(),
            broker_time=broker_time.astimezone(UTC),
        )
    except ConnectionRefusedError:
        raise ProbeError(
            f"Failed to connect to IBKR: nothing listens at {where}. Start TWS or IB Gateway with the API enabled, "
            "or check IBKR_HOST and IBKR_PORT."
        ) from None
    except (TimeoutError, ConnectionError, OSError) as error:
        raise ProbeError(
            f"Failed to connect to IBKR at {where}: {str(error) or 'no answer within 8 s'}. Something listens, but "
            f"nobody is logged in, the API is disabled, or client id {DOCTOR_CLIENT_ID} is taken."
        ) from None
    finally:
        ib.disconnect()
