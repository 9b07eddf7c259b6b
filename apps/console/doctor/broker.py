"""Checks of the broker connection: reachable, logged in, account against mode, client ids, clock."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError

from apps.broker import selectors
from apps.broker.config import DOCTOR_CLIENT_ID, BrokerConfig
from apps.broker.domain import client_ids, mode
from apps.broker.probe import ProbeError, ProbeResult, probe
from apps.console.doctor.verdicts import Check, fail, ok, warn
from tradeops.lib import clock

LARGEST_SKEW_SECONDS = 2.0


def check_broker(config: BrokerConfig) -> Iterator[Check]:
    yield _check_client_ids(config)
    where = f"{config.host}:{config.port}"
    try:
        result = probe(config)
    except ProbeError as error:
        yield fail("broker", str(error), "See the runbook, section `Live endpoints answer 503`.")
        yield _check_mode(config, accounts=None)
        return
    yield ok("broker", f"reachable and logged in at {where}, server version {result.server_version}")
    yield _check_mode(config, accounts=result.accounts)
    yield _check_clock(result)


def _check_client_ids(config: BrokerConfig) -> Check:
    found = list(client_ids.conflicts(config))
    used = ", ".join(f"{name} {number}" for name, number in client_ids.registry(config).items())
    serious = [conflict for conflict in found if conflict.serious]
    if serious:
        return fail("client ids", serious[0].message, serious[0].hint)
    return ok("client ids", used)


def _check_mode(config: BrokerConfig, accounts: tuple[str, ...] | None) -> Check:
    login = mode.Login(
        paper_trading=config.paper_trading,
        port=config.port,
        account=config.account,
        accounts=accounts,
        unlocked=not config.paper_trading and _live_is_unlocked(),
    )
    reason = mode.refusal(login)
    name = "PAPER" if config.paper_trading else "LIVE"
    if reason:
        return fail("account, mode", f"{name} refused", reason)
    if accounts is None:
        return warn("account, mode", f"{name}, account not known", "Mend the broker connection first.")
    return ok("account, mode", f"{name}, account {mode.chosen_account(config.account, accounts)}")


def _live_is_unlocked() -> bool:
    """Unknown counts as locked."""
    try:
        return selectors.active_unlock() is not None
    except DatabaseError:
        return False


def _check_clock(result: ProbeResult) -> Check:
    # The broker states whole seconds, so up to one second apart means nothing.
    skew = max(0.0, abs((clock.now() - result.broker_time).total_seconds()) - 1)
    if skew > LARGEST_SKEW_SECONDS:
        return fail("broker clock", f"{skew:.0f} s apart from the broker", "Synchronise this machine's clock (NTP).")
    return ok("broker clock", f"together with the broker (asked as client {DOCTOR_CLIENT_ID})")
