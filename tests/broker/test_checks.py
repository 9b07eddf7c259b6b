"""Mistakes in the broker settings surface before anything connects."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

from apps.broker.config import BrokerConfig
from apps.broker.domain.client_ids import conflicts, registry
from tests.broker.gateway.running import config_for


def found(settings: Settings, *, deployment: bool = False, **changes: Any) -> list[str | None]:
    settings.BROKER = dataclasses.replace(config_for(7497, simulated=False), **changes)
    messages: list[CheckMessage] = run_checks(tags=["broker"], include_deployment_checks=deployment)
    return [message.id for message in messages]


def config(client_id: int) -> BrokerConfig:
    return config_for(7497, client_id=client_id)


@pytest.mark.mission(99)
@pytest.mark.mission(191)
def test_client_ids_follow_the_rule() -> None:
    assert registry(config(7)) == {"trading link": 7, "data link": 1007, "doctor": 999}


@pytest.mark.mission(191)
def test_no_allowed_id_but_the_former_systems_collides() -> None:
    colliding = []
    for client_id in range(999):
        ids = registry(config(client_id)).values()
        assert len(set(ids)) == len(ids)
        if any(conflict.serious for conflict in conflicts(config(client_id))):
            colliding.append(client_id)
    assert colliding == [10]


@pytest.mark.mission(99)
@pytest.mark.mission(191)
def test_colliding_client_id_stops_the_start(settings: Settings) -> None:
    assert "broker.E001" in found(settings, client_id=10)
    assert "broker.E001" in found(settings, client_id=999)


@pytest.mark.mission(191)
def test_default_ids_are_only_remarked_upon(settings: Settings) -> None:
    assert found(settings, client_id=1) == []
    assert found(settings, client_id=1, deployment=True) == ["broker.I001"]
    assert found(settings, client_id=2, deployment=True) == []


@pytest.mark.mission(199)
def test_settings_that_disagree_are_errors(settings: Settings) -> None:
    assert found(settings, port=7496) == ["broker.E002"]
    assert found(settings, account="U1234567") == ["broker.E002"]
    assert found(settings, paper_trading=False) == ["broker.E002"]
    assert found(settings, paper_trading=False, port=7496) == []
    assert found(settings, paper_trading=False, port=7496, simulated=True) == ["broker.E003"]


def test_unusual_port_is_remarked_upon(settings: Settings) -> None:
    assert found(settings, port=5555) == []
    assert "broker.I002" in found(settings, port=5555, deployment=True)
