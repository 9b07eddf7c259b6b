"""The way to the broker, step by step: gateway, network, port, credentials, session. What follows a failure waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from django.db import DatabaseError

from apps.broker import selectors
from apps.broker.choices import SessionState
from apps.broker.config import BrokerConfig
from apps.broker.domain.mode import LIVE_PORTS, PAPER_PORTS
from apps.broker.probe import ProbeError, ProbeResult, probe
from apps.console.doctor.verdicts import Check, fail, ok, warn

SECONDS = 3.0
GATEWAY, NETWORK, PORT, CREDENTIALS, SESSION = "gateway", "network", "port", "credentials", "session"
RUNBOOK = "See the runbook, section `Read the session state`."


def check_connection(config: BrokerConfig) -> Iterator[Check]:
    """Takes up to a quarter of a minute. Sends one harmless login, with the doctor's own client id."""
    yield check_gateway()
    where, found = f"{config.host}:{config.port}", try_port(config.host, config.port)
    if isinstance(found, OSError) and not isinstance(found, ConnectionRefusedError):
        yield fail(NETWORK, f"{config.host} cannot be reached: {found}", "Mend IBKR_HOST, the network, or a firewall.")
        yield from (wait_for(NETWORK, name) for name in (PORT, CREDENTIALS, SESSION))
        return
    yield ok(NETWORK, f"{config.host} answers")
    if found is not None:
        yield fail(PORT, f"nothing listens at {where}", remedy_for_port(config))
        yield from (wait_for(PORT, name) for name in (CREDENTIALS, SESSION))
        return
    yield ok(PORT, f"something listens at {where}")
    yield from check_login(config)


def check_gateway() -> Check:
    """Our own process; the heartbeat decides, whatever the row says."""
    try:
        session = selectors.session()
    except DatabaseError:
        return fail(GATEWAY, "unknown: the database is not reachable", "Start PostgreSQL: `manage.py up`.")
    if not session.running:
        return fail(
            GATEWAY, session.reason, "Start it: `manage.py up`, or its systemd unit; its last log lines say why."
        )
    return ok(GATEWAY, f"runs, {session.state.label.lower()} since {session.state_since:%Y-%m-%d %H:%M:%S} UTC")


def check_login(config: BrokerConfig) -> Iterator[Check]:
    try:
        result = probe(config, unlocked=is_unlocked())
    except ProbeError as error:
        remedy = (
            "Log in to TWS or IB Gateway, and enable Configure > API > Settings > Enable ActiveX and Socket Clients."
        )
        yield fail(CREDENTIALS, str(error), remedy)
        yield wait_for(CREDENTIALS, SESSION)
        return
    yield account_of(result)
    yield check_session()


def account_of(result: ProbeResult) -> Check:
    if result.refusal:
        return fail(CREDENTIALS, "logged in, but this login may not be used", result.refusal)
    if not result.account:
        remedy = "Set IBKR_ACCOUNT to the one that is traded."
        return fail(CREDENTIALS, "logged in, but it is not clear which account is meant", remedy)
    return ok(CREDENTIALS, f"logged in, account {result.account}")


def check_session() -> Check:
    """What the gateway makes of it: it reconnects by itself, within seconds of the broker's return."""
    try:
        session = selectors.session()
    except DatabaseError:
        return fail(SESSION, "unknown: the database is not reachable", "Start PostgreSQL: `manage.py up`.")
    told = f"{session.state.label.lower()}. {session.reason}".strip()
    if session.state is SessionState.READY:
        return ok(SESSION, "ready: orders may be sent")
    if session.state in (SessionState.STARTING, SessionState.RECONCILING):
        return warn(SESSION, told, "Wait a few seconds: everything is being asked again.")
    return fail(SESSION, told, f"The gateway reconnects by itself; {RUNBOOK[0].lower()}{RUNBOOK[1:]}")


def try_port(host: str, port: int) -> OSError | None:
    """None when something accepts the connection."""
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        return error
    return None


def remedy_for_port(config: BrokerConfig) -> str:
    """IB's own ports are tried: most often the other program or the other mode was started."""
    others = sorted((PAPER_PORTS | LIVE_PORTS) - {config.port})
    listening = [port for port in others if try_port(config.host, port) is None]
    if not listening:
        return "Start TWS or IB Gateway with its API enabled, or mend IBKR_PORT."
    named = ", ".join(f"{port} ({'live' if port in LIVE_PORTS else 'paper'})" for port in listening)
    return f"Something listens at {named}: set IBKR_PORT to it if that is the one you mean."


def is_unlocked() -> bool:
    """Unknown counts as locked."""
    try:
        return selectors.live_is_unlocked()
    except DatabaseError:
        return False


def wait_for(what: str, name: str) -> Check:
    return warn(name, "not tried", f"Mend first: {what}.")
