"""Handshake, login, and what an unusual connection meets."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from ib_async import IB, Stock

from apps.broker.simulator.protocol.framing import encode_frame
from apps.broker.simulator.testing import SimulatorProcess

from .conftest import Connect
from .server_support import Recorder, Wire


@pytest.fixture
def wire(shared_simulator: SimulatorProcess) -> Iterator[Wire]:
    link = Wire(shared_simulator)
    yield link
    link.close()


async def test_client_connects_and_syncs_everything(simulator: SimulatorProcess, connect: Connect) -> None:
    ib = await connect(simulator, 5)

    assert ib.client.serverVersion() == 178
    assert ib.managedAccounts() == ["DU1234567"]
    assert ib.positions() and ib.portfolio() and ib.openTrades() == []
    values = {value.tag for value in ib.accountValues()}
    assert {"NetLiquidation", "BuyingPower", "MaintMarginReq"} <= values
    assert await ib.reqCurrentTimeAsync() == datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


async def test_login_tells_that_the_data_farms_are_ok(simulator: SimulatorProcess) -> None:
    ib = IB()
    recorder = Recorder(ib)
    await ib.connectAsync("127.0.0.1", simulator.port, 5, timeout=10)
    ib.disconnect()
    assert recorder.codes() == [2104, 2106, 2158]


@pytest.mark.parametrize(
    ("wanted", "version"), [(b"v157..178", "178"), (b"v100..157", "157"), (b"v157..999", "178"), (b"v163", "163")]
)
def test_version_is_the_highest_both_speak(wire: Wire, wanted: bytes, version: str) -> None:
    answer = wire.hello(wanted)
    assert answer[0] == version
    assert answer[1].startswith("20261120 10:30:00 ")


def test_client_below_the_lowest_version_is_told_and_closed(wire: Wire) -> None:
    assert wire.hello(b"v100..156")[:4] == ["4", "2", "-1", "506"]
    assert wire.is_closed_by_peer()


def test_hello_may_arrive_byte_by_byte(wire: Wire) -> None:
    for byte in b"API\0\0\0\0\x09v157..178":
        wire.send(bytes([byte]))
        time.sleep(0.001)
    assert wire.hear()[0] == "178"


def test_several_messages_in_one_packet_are_all_answered(wire: Wire) -> None:
    wire.login(301)
    wire.send(encode_frame((49, 1)) * 3)
    for _ in range(3):
        wire.hear_until(lambda fields: fields[0] == "49")


def test_request_before_login_is_refused_with_504(wire: Wire) -> None:
    wire.hello()
    wire.say(61, 1)
    assert wire.hear()[:5] == ["4", "2", "-1", "504", "Not connected"]


def test_second_login_on_a_connection_is_refused(wire: Wire) -> None:
    wire.login(302)
    wire.say(71, 2, 303, "")
    assert wire.hear_error(501)


def test_client_id_in_use_is_refused_and_closed(shared_simulator: SimulatorProcess, wire: Wire) -> None:
    wire.login(304)
    second = Wire(shared_simulator)
    second.hello()
    second.say(71, 2, 304, "")
    assert second.hear()[3] == "326"
    assert second.is_closed_by_peer()
    second.close()
    wire.say(49, 1)
    assert wire.hear_until(lambda fields: fields[0] == "49")


def test_client_id_is_free_again_after_its_connection_ended(shared_simulator: SimulatorProcess, wire: Wire) -> None:
    wire.login(305)
    wire.close()
    shared_simulator.wait_until("status", "connections", 0)
    again = Wire(shared_simulator)
    again.login(305)
    again.close()


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"API\0\xff\xff\xff\xff", b"APX\0"]
)
def test_what_is_not_the_protocol_is_closed(wire: Wire, data: bytes) -> None:
    wire.send(data)
    assert wire.is_closed_by_peer()


def test_frame_over_the_limit_is_closed_without_buffering(wire: Wire) -> None:
    wire.login(306)
    wire.send(struct.pack(">I", 16 * 1024 * 1024 + 1))
    assert wire.is_closed_by_peer()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (("nonsense",), "320"),
        ((), "505"),
        ((9999, 1), "505"),
        ((1, 11, "x"), "320"),
        ((1, 11, 7), "320"),
        ((9, 8, 7, "x" * 100_000), "320"),
        ((20, 7, 0, "SPY", "STK", "", "", "", "", "SMART", "", "USD", "", "", 0, "soon", "1 day", "1 D", 1), "320"),
        ((88, 5, 0, "SPY", "STK", "", "nan", "", "", "SMART", "", "USD", "", "", 0, 1, "3 days"), "320"),
    ],
)
def test_malformed_request_is_an_error_and_the_session_goes_on(
    wire: Wire, fields: tuple[object, ...], code: str
) -> None:
    wire.login(307)
    wire.say(*fields)
    wire.hear_error(int(code))
    wire.say(49, 1)
    assert wire.hear_until(lambda answer: answer[0] == "49")


def test_client_that_never_logs_in_does_not_keep_others_out(shared_simulator: SimulatorProcess) -> None:
    idle = [Wire(shared_simulator) for _ in range(40)]
    link = Wire(shared_simulator)
    link.login(308)
    for one in (*idle, link):
        one.close()


async def test_client_that_does_not_read_is_disconnected(connect: Connect) -> None:
    with SimulatorProcess("--pacing", "0", "--no-history-pacing", "--unsent-bytes", "300000") as simulator:
        good = await connect(simulator, 1)
        deaf = Wire(simulator)
        deaf.login(2)
        while len(simulator.control("status")["clients"]) == 2:
            for number in range(20):
                deaf.say(9, 8, number, 0, "SPY", "OPT", "", 0, "", "", "SMART", "", "USD", "", "", 0, "", "", "")
        assert [client["client_id"] for client in simulator.control("status")["clients"]] == [1]
        assert await good.reqCurrentTimeAsync()
        deaf.close()


async def test_clients_beyond_the_limit_are_closed(connect: Connect, simulator: SimulatorProcess) -> None:
    links = [Wire(simulator) for _ in range(33)]
    for number, link in enumerate(links[:32]):
        link.login(number)
    links[32].hello()
    links[32].say(71, 2, 99, "")
    assert links[32].is_closed_by_peer()
    assert len(simulator.control("status")["clients"]) == 32
    for link in links:
        link.close()


async def test_disconnected_client_leaves_no_subscription(simulator: SimulatorProcess, connect: Connect) -> None:
    ib = await connect(simulator, 3)
    ib.reqPnL("DU1234567")
    simulator.wait_until("status", "connections", 1)
    ib.disconnect()
    simulator.wait_until("status", "clients", [])
    assert simulator.control("tick 2")["steps"] == 2


def test_process_ends_cleanly_when_asked() -> None:
    with SimulatorProcess() as running:
        link = Wire(running)
        link.login(1)
        assert running.stop() == 0
        assert link.is_closed_by_peer()
        link.close()


def test_taken_port_is_reported_with_the_remedy(
    shared_simulator: SimulatorProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError):
        SimulatorProcess("--port", str(shared_simulator.port))
    assert "Choose another --port" in capfd.readouterr().err


async def test_latency_is_added_and_order_is_kept(simulator: SimulatorProcess, connect: Connect) -> None:
    ib = await connect(simulator, 1)
    simulator.control("delay 60")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ib.reqCurrentTimeAsync()
    assert 0.055 <= loop.time() - began < 1.0
    assert len(await ib.reqContractDetailsAsync(Stock("SPY", "SMART", "USD"))) == 1
