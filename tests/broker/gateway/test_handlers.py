"""After any number of reconnections each message is heard once."""

from __future__ import annotations

from typing import Any

import pytest

from apps.broker.choices import OrderState
from apps.broker.gateway.link import Link
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.tapped import TappedWrapper
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.ordering import give, wait_state
from tests.broker.gateway.running import running
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
RECONNECTIONS = 4
UNASKED = -1


def test_messages_are_heard_once_after_reconnections(
    simulator: SimulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    received: list[int] = []
    details, on_execution, on_error = TappedWrapper.execDetails, Picture.on_execution, Link._on_error

    def exec_details(wrapper: TappedWrapper, request_id: int, contract: Any, execution: Any) -> None:
        received.append(request_id)
        details(wrapper, request_id, contract, execution)

    def execution(picture: Picture, contract: Any, execution: Any) -> None:
        # Executions are asked for, too; only those that the broker sends by itself tell how many listen.
        heard.extend(["execution"] if received[-1] == UNASKED else [])
        on_execution(picture, contract, execution)

    def error(link: Link, request_id: int, code: int, text: str, contract: Any) -> None:
        heard.append(f"{link.name} {text}")
        on_error(link, request_id, code, text, contract)

    monkeypatch.setattr(TappedWrapper, "execDetails", exec_details)
    monkeypatch.setattr(Picture, "on_execution", execution)
    monkeypatch.setattr(Link, "_on_error", error)
    with running(simulator) as gateway:
        links = gateway.gateway.trading, gateway.gateway.data
        for number in range(1, RECONNECTIONS + 1):
            simulator.control("drop all rst")
            wait_for(lambda: all(link.connections > number for link in links))  # noqa: B023
            gateway.wait_ready()
        order = wait_state(give(simulator), OrderState.WORKING)
        simulator.control(f"fill 1 {order.order_id} 10 1")
        wait_state(order, OrderState.FILLED)
        simulator.control("error 2109 said once")
        wait_for(lambda: len([text for text in heard if "said once" in text]) >= 2)
        # Whatever is heard twice is heard before the answer to a question that was asked later.
        for link in links:
            gateway.run(link._ask_time)
    assert sorted(text for text in heard if "said once" in text) == ["data said once", "trading said once"]
    assert heard.count("execution") == received.count(UNASKED) == 1
