"""Starts the simulated gateway and runs it until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from .settings import DEFAULT_ACCOUNT, GatewaySettings, LimitSettings
from .state_file import StateError
from .types import MarketSettings

STATE_HELP = """keep accounts, orders, executions and prices set by hand in FILE, across the ends of the process;
delete FILE for fresh accounts. What else the control port switches is not kept. Default: forget everything"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    limits = LimitSettings()
    rejection, pace = ("error-first", "status-first"), ("reject", "pace")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=0, help="API port; 0 takes a free one")
    add("--control-port", type=int, default=0, help="control port on 127.0.0.1; 0 takes a free one")
    add("--print-ports", action="store_true", help="print the ports as one JSON line when ready")
    add("--seed", type=int, default=7, help="the same seed gives the same market (default %(default)s)")
    add("--tick-interval", type=float, default=0.25, help="seconds between market steps; 0: only on the tick command")
    add("--accounts", type=_account_list, default=(DEFAULT_ACCOUNT,), help="account codes, comma separated")
    add("--state", type=Path, metavar="FILE", help=STATE_HELP)
    add("--master-client-id", type=int, help="this client id hears of all orders")
    add("--start", type=_moment, help="simulated time to start at, ISO 8601; default: the machine's clock")
    add("--exchange-hours", action="store_true", help="close the market outside exchange hours")
    add("--reject-style", choices=rejection, default=rejection[0], help="order of error 201 and status Inactive")
    add("--pacing", type=int, default=limits.messages_per_second, help="messages a second per client; 0: no limit")
    add("--pacing-mode", choices=pace, default=pace[0], help="refuse or delay the messages above the limit")
    add("--lines", type=int, default=limits.market_data_lines, help="market data lines over all clients")
    add("--unsent-bytes", type=int, default=limits.unsent_bytes, help="disconnect a client that leaves more unread")
    add("--no-history-pacing", action="store_true", help="do not enforce the limits on history requests")


def settings_from(options: argparse.Namespace) -> GatewaySettings:
    market = MarketSettings(
        seed=options.seed,
        start=options.start,
        tick_interval=options.tick_interval,
        exchange_hours=options.exchange_hours,
    )
    limits = LimitSettings(
        messages_per_second=options.pacing,
        pace_messages=options.pacing_mode == "pace",
        market_data_lines=options.lines,
        unsent_bytes=options.unsent_bytes,
        history_pacing=not options.no_history_pacing,
    )
    return GatewaySettings(
        host=options.host,
        port=options.port,
        control_port=options.control_port,
        accounts=options.accounts,
        master_client_id=options.master_client_id,
        reject_status_first=options.reject_style == "status-first",
        state_file=options.state,
        market=market,
        limits=limits,
    )


def run(options: argparse.Namespace) -> None:
    """Returns after SIGTERM or SIGINT. OSError if a port is taken, StateError if the state cannot be used."""
    asyncio.run(_serve(settings_from(options), options.print_ports))


async def _serve(settings: GatewaySettings, print_ports: bool) -> None:
    from .control.port import ControlPort
    from .server import Gateway

    gateway = Gateway(settings)
    await gateway.start()
    control = ControlPort(gateway)
    await control.start(settings.control_port)
    if print_ports:
        print(json.dumps({"port": gateway.port, "control_port": control.port}), flush=True)
    await _stop_signal()
    await control.stop()
    await gateway.stop()


async def _stop_signal() -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        run(options)
    except StateError as problem:
        parser.exit(1, f"cannot start: {problem}\n")
    except OSError as problem:
        parser.exit(1, f"cannot start: {problem}. Choose another --port or --control-port, or 0 for a free one.\n")


def _account_list(value: str) -> tuple[str, ...]:
    accounts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not accounts:
        raise argparse.ArgumentTypeError("name at least one account, as in DU1234567")
    return accounts


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not ISO 8601, as in 2026-11-20T14:30:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
