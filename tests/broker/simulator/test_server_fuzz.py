"""Broken and hostile connections do not stop the gateway and do not disturb a good client beside them."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Callable

from ib_async import Stock

from apps.broker.simulator.protocol.framing import encode_frame
from apps.broker.simulator.testing import SimulatorProcess

from .conftest import START, Connect
from .server_support import until

CONNECTIONS = 2000
SEED = 20261120
AT_ONCE = 8
HELLO = b"API\0\0\0\0\x09v157..178"
REQUESTS: list[list[object]] = [
    [1, 11, 5, 756733, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 0, "100,101", 0, 0, ""],
    [2, 2, 5],
    [3, 7, 756733, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", "", "", "", "BUY", 10, "LMT", 500, "", "DAY"]
    + [""] * 95,
    [4, 1, 7, ""],
    [6, 2, 1, "DU1234567"],
    [7, 3, 5, 0, "", "", "", "", "", ""],
    [9, 8, 5, 0, "SPY", "OPT", "20261218", 600, "C", "100", "SMART", "", "USD", "", "", 0, "", "", ""],
    [10, 5, 5, 756733, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 5, 1, ""],
    [
        20,
        5,
        756733,
        "SPY",
        "STK",
        "",
        0,
        "",
        "",
        "SMART",
        "",
        "USD",
        "",
        "",
        0,
        "",
        "1 day",
        "1 M",
        1,
        "TRADES",
        1,
        1,
        "",
    ],
    [21, 2, 5, 756733, "SPY", "STK", "", 0, "", "", "SMART", "USD", "", "", 1, 1, "DU1234567", 0],
    [22, 5, 10, "STK", "STK.US", "MOST_ACTIVE"] + [""] * 18,
    [50, 3, 5, 756733, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 5, "TRADES", 1, ""],
    [54, 3, 5, 0, "SPY", "OPT", "20261218", 600, "C", "100", "SMART", "", "USD", "", "", 5, 600, 0, ""],
    [62, 1, 5, "All", "NetLiquidation"],
    [71, 2, 1, ""],
    [76, 1, 5, "DU1234567", "", 0],
    [78, 5, "SPY", "", "STK", 756733],
    [87, 5, 756733, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", "", 0, 1, "TRADES", 1],
    [92, 5, "DU1234567", ""],
    [
        96,
        5,
        756733,
        "SPY",
        "STK",
        "",
        0,
        "",
        "",
        "SMART",
        "",
        "USD",
        "",
        "",
        0,
        "",
        "20261119 15:00:00",
        10,
        "TRADES",
        1,
        0,
        "",
    ],
    [97, 5, 756733, "SPY", "STK", "", 0, "", "", "SMART", "", "USD", "", "", "Last", 0, 0],
    [99, 0],
]
NASTY = [
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "1e999",
    "2147483647",
    "9" * 40,
    "\u00fc\u4e2d",
    "x" * 5000,
    "1.7976931348623157E308",
]


def noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(1, 400))


def web_request(chance: random.Random) -> bytes:
    return f"GET /{chance.random()} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def wrong_length(chance: random.Random) -> bytes:
    lie = chance.choice([0, 1, 5, 2**24, 2**24 + 1, 2**31, 2**32 - 1])
    return HELLO + login(chance) + struct.pack(">I", lie) + noise(chance)


def truncated(chance: random.Random) -> bytes:
    data = HELLO + login(chance) + b"".join(encode_frame(chance.choice(REQUESTS)) for _ in range(5))
    return data[: chance.randint(1, len(data))]


def mutated_fields(chance: random.Random) -> bytes:
    return HELLO + login(chance) + b"".join(encode_frame(mutated(chance)) for _ in range(chance.randint(1, 24)))


def mutated(chance: random.Random) -> list[object]:
    fields = list(chance.choice(REQUESTS))
    for _ in range(chance.randint(0, 4)):
        place = chance.randrange(len(fields))
        change = chance.randrange(4)
        if change == 0:
            fields[place] = chance.choice(NASTY)
        elif change == 1 and len(fields) > 1:
            del fields[place]
        elif change == 2:
            fields.insert(place, chance.choice(NASTY))
        else:
            fields = fields[: place + 1]
    return fields


def mutated_bytes(chance: random.Random) -> bytes:
    data = bytearray(mutated_fields(chance))
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def random_request(chance: random.Random) -> bytes:
    fields = [chance.randint(0, 110), *(chance.choice(NASTY) for _ in range(chance.randint(0, 130)))]
    return HELLO + login(chance) + encode_frame(fields)


def login(chance: random.Random) -> bytes:
    return encode_frame((71, 2, chance.randint(100, 10**9), ""))


ATTACKS: list[Callable[[random.Random], bytes]] = [
    noise,
    web_request,
    wrong_length,
    truncated,
    mutated_fields,
    mutated_bytes,
    random_request,
]


async def attack(port: int, data: bytes, chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for start in range(0, len(data), cut := chance.choice([7, 100, 100_000])):
            writer.write(data[start : start + cut])
        await writer.drain()
        await asyncio.wait_for(reader.read(chance.choice([1, 1000])), 0.02)
    except (ConnectionError, TimeoutError):
        pass
    finally:
        if chance.random() < 0.5:
            writer.transport.abort()
        writer.close()


async def test_gateway_survives_broken_connections(connect: Connect) -> None:
    chance = random.Random(SEED)
    with SimulatorProcess(*START) as simulator:
        good = await connect(simulator, 1)
        ticker = good.reqMktData(Stock("SPY", "SMART", "USD", conId=756733))
        positions = len(good.positions())
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(kind: Callable[[random.Random], bytes], seed: int) -> None:
            own = random.Random(seed)
            async with gate:
                await attack(simulator.port, kind(own), own)

        kinds = [ATTACKS[number % len(ATTACKS)] for number in range(CONNECTIONS)]
        attacks = asyncio.gather(*(one(kind, chance.getrandbits(64)) for kind in kinds))
        while not attacks.done():
            assert await asyncio.wait_for(good.reqCurrentTimeAsync(), 5)
            await asyncio.sleep(0.05)
        await attacks

        simulator.wait_until("status", "connections", 1)
        assert good.isConnected() and len(good.positions()) >= positions
        told = simulator.control("price SPY 777")
        await until(lambda: ticker.last == told["last"])
        assert simulator.control("status")["failures"] == 0
