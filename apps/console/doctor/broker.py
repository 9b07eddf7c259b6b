"""Checks of the broker connection: client ids, reachable, logged in, account against mode, clock."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, run_checks
from django.db import DatabaseError

from apps.broker import selectors
from apps.broker.config import DOCTOR_CLIENT_ID, BrokerConfig
from apps.broker.probe import ProbeError, ProbeResult, probe
from apps.console.doctor.verdicts import Check, fail, ok, warn
from tradeops.lib import clock

LARGEST_SKEW_SECONDS = 2.0
CLIENT_IDS = "broker.E001"


def check_broker(config: BrokerConfig) -> Iterator[Check]:
    complaints = [message for message in run_checks(tags=["broker"]) if message.is_serious()]
    yield _check_client_ids(config, [message for message in complaints if message.id == CLIENT_IDS])
    yield from (fail("settings", message.msg, message.hint or "") for message in complaints if message.id != CLIENT_IDS)
    try:
        result = probe(config, unlocked=_live_is_unlocked())
    except ProbeError as error:
        yield fail("broker", str(error), "See the runbook, section `Live endpoints answer 503`.")
        yield warn("account, mode", f"{_mode(config)}, account not known", "Mend the broker connection first.")
        return
    yield ok("broker", f"logged in at {config.host}:{config.port}, server version {result.server_version}")
    yield _check_account(config, result)
    yield _check_clock(result)


def _check_client_ids(config: BrokerConfig, complaints: list[CheckMessage]) -> Check:
    if complaints:
        return fail("client ids", complaints[0].msg, complaints[0].hint or "")
    used = f"trading link {config.client_id}, data link {config.data_client_id}, doctor {DOCTOR_CLIENT_ID}"
    return ok("client ids", used)


def _check_account(config: BrokerConfig, result: ProbeResult) -> Check:
    if result.refusal:
        return fail("account, mode", f"{_mode(config)} refused", result.refusal)
    return ok("account, mode", f"{_mode(config)}, account {result.account}")


def _mode(config: BrokerConfig) -> str:
    return "PAPER" if config.paper_trading else "LIVE"


def _live_is_unlocked() -> bool:
    """Unknown counts as locked."""
    try:
        return selectors.live_is_unlocked()
    except DatabaseError:
        return False


def _check_clock(result: ProbeResult) -> Check:
    # The broker states whole seconds, so up to one second apart means nothing.
    skew = max(0.0, abs((clock.now() - result.broker_time).total_seconds()) - 1)
    if skew > LARGEST_SKEW_SECONDS:
        return fail("broker clock", f"{skew:.0f} s apart from the broker", "Synchronise this machine's clock (NTP).")
    return ok("broker clock", "together with the broker")
