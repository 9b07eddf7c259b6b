"""System checks: what is wrong with the broker settings before anything connects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register

from apps.broker.domain.client_ids import conflicts
from apps.broker.domain.mode import LIVE_PORTS, PAPER_PORTS, Login, refusal
from apps.broker.selectors import weekly_login_collision
from tradeops.lib import clock

WEEKLY_LOGIN_HINT = "Choose another time for IBKR_WEEKLY_LOGIN, or for the restart set in TWS (IBKR_RESTART_STARTS_AT)."
PORT_HINT = "Paper: 7497 (TWS) or 4002 (Gateway). Live: 7496 or 4001."


@register("broker")
def check_broker_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    return [*_client_ids(serious=True), *_mode()]


@register("broker", deploy=True)
def check_broker_deployment(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """What may be as intended, so that it is said when somebody looks and not with every command."""
    return [*_client_ids(serious=False), *_port(), *_weekly_login()]


def _client_ids(*, serious: bool) -> Iterator[CheckMessage]:
    for conflict in conflicts(settings.BROKER):
        if conflict.serious is serious and serious:
            yield Error(conflict.message, hint=conflict.hint, id="broker.E001")
        elif conflict.serious is serious:
            yield Info(conflict.message, hint=conflict.hint, id="broker.I001")


def _mode() -> Iterator[CheckMessage]:
    """The unlock is a person's and can come later; the settings must agree now."""
    config = settings.BROKER
    reason = refusal(Login(config.paper_trading, config.port, config.account, None, unlocked=True))
    if reason:
        yield Error(reason, hint=PORT_HINT, id="broker.E002")
    if config.simulated and not config.paper_trading:
        yield Error("The simulator and PAPER_TRADING=false do not go together.", hint=PORT_HINT, id="broker.E003")


def _port() -> Iterator[CheckMessage]:
    port = settings.BROKER.port
    if port not in LIVE_PORTS | PAPER_PORTS:
        yield Info(f"IBKR_PORT={port} is none of IB's usual ports.", hint=PORT_HINT, id="broker.I002")


def _weekly_login() -> Iterator[CheckMessage]:
    collision = weekly_login_collision(now=clock.now())
    if collision:
        yield Warning(collision, hint=WEEKLY_LOGIN_HINT, id="broker.W001")
