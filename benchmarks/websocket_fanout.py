"""One event to many WebSocket clients: the product's hub against a Channels group on the in-memory layer.

Real server processes, a real database, real sockets. A round publishes one event and ends when every client has it.
The product's events are committed to PostgreSQL by another process; the usual way publishes inside its own process.
The burst publishes 1,000 events to 200 clients as fast as they can be committed, with and without one client that
does not read.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks._web.servers import ROOT, Database, database, product_on_daphne, product_on_uvicorn, usual_on_daphne

WARM_UP = 10
# One burst takes a second and its tail swings: more of them than of the long rounds.
BURSTS_PER_RUN = 3
BURST_CLIENTS, BURST_EVENTS, USUAL_BURST_EVENTS = 200, 1000, 200
Publish = Callable[[int, int], None]


class Audience:
    """The process that holds the clients."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        while "seen" in (answer := self.hear()):
            pass
        return answer

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def wait_for(self, number: int) -> None:
        while self.hear().get("seen") != number:
            pass


@contextmanager
def audience(port: int, path: str, headers: list[dict[str, str]], clients: int) -> Iterator[Audience]:
    command = [sys.executable, "-m", "benchmarks._web.clients"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        people = Audience(process)
        people.order(connect=["127.0.0.1", port, path, headers, clients])
        yield people
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def rounds(people: Audience, publish: Publish, clients: int, count: int) -> tuple[float, float]:
    """Deliveries per second, and the 99th percentile of the time from publication to delivery."""
    for number in range(WARM_UP):
        publish(number, 1)
        people.wait_for(number)
    people.order(forget=True)
    started = time.perf_counter()
    for number in range(WARM_UP, WARM_UP + count):
        publish(number, 1)
        people.wait_for(number)
    elapsed = time.perf_counter() - started
    return clients * count / elapsed, percentile(people.order(report=True)["latencies"], 0.99)


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def usual_publisher(port: int) -> Publish:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def publish(first: int, count: int) -> None:
        connection.request("GET", f"/publish/{first}/{count}")
        connection.getresponse().read()

    return publish


def measure_usual(clients: int, count: int) -> tuple[float, float]:
    with usual_on_daphne() as port, audience(port, "/ws/", [{}], clients) as people:
        return rounds(people, usual_publisher(port), clients, count)


@contextmanager
def product_audience(data: Database, server: Any, clients: int) -> Iterator[Audience]:
    headers = [{"Authorization": f"Bearer {token}"} for token in data.tokens]
    with server(data) as port:
        path = f"/ws/desk/?after_id={data.last_number()}"
        with audience(port, path, headers, clients) as people:
            yield people


def measure_product(data: Database, server: Any, clients: int, count: int) -> tuple[float, float]:
    with product_audience(data, server, clients) as people:
        return rounds(people, publisher(data), clients, count)


def publisher(data: Database) -> Publish:
    """One connection for all events, as a process of the platform has it."""
    import psycopg

    connection = psycopg.connect(data.url, autocommit=True)

    def publish(first: int, count: int) -> None:
        for number in range(first, first + count):
            connection.execute(
                "INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor) "
                "VALUES (now(), 'INFO', '', '', 'Benchmark', %s, '{}', '')",
                [f"mark:{number}:{time.time():.6f}"],
            )

    return publish


def burst_product(data: Database, *, stalled: bool) -> tuple[int, float]:
    """Events that readers lost, and the 99th percentile of the time to delivery."""
    with product_audience(data, product_on_daphne, BURST_CLIENTS) as people:
        publish = publisher(data)
        publish(0, 1)
        people.wait_for(0)
        if stalled:
            people.order(stall=True)
        people.order(forget=True)
        publish(1, BURST_EVENTS)
        readers = BURST_CLIENTS - stalled
        report = wait_until_quiet(people)
        return readers * BURST_EVENTS - report["deliveries"], percentile(report["latencies"], 0.99)


def burst_usual() -> float:
    """The share of a burst that the in-memory layer drops."""
    with usual_on_daphne() as port, audience(port, "/ws/", [{}], BURST_CLIENTS) as people:
        publish = usual_publisher(port)
        publish(0, 1)
        people.wait_for(0)
        people.order(forget=True)
        publish(1, USUAL_BURST_EVENTS)
        report = wait_until_quiet(people)
        return 1 - report["deliveries"] / (BURST_CLIENTS * USUAL_BURST_EVENTS)


def wait_until_quiet(people: Audience) -> dict[str, Any]:
    """The report once nothing more has come for a second. Reporting keeps the clients from reading: not too soon."""
    before = -1
    while True:
        time.sleep(1)
        report = people.order(report=True)
        if report["deliveries"] == before:
            return report
        before = report["deliveries"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=60, help="events of the product; the usual way gets a third")
    parser.add_argument("--repeat", type=int, default=3, help="alternating runs; medians are printed")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"usual": [], "daphne": [], "uvicorn": []}
    with database() as data:
        for _ in range(options.repeat):
            found["usual"].append(measure_usual(options.clients, max(5, options.rounds // 3)))
            found["daphne"].append(measure_product(data, product_on_daphne, options.clients, options.rounds))
            found["uvicorn"].append(measure_product(data, product_on_uvicorn, options.clients, options.rounds))
        repeat = BURSTS_PER_RUN * options.repeat
        bursts = [[burst_product(data, stalled=stalled) for stalled in (False, True)] for _ in range(repeat)]
    lost_usual = statistics.median(burst_usual() for _ in range(options.repeat))
    show(options.clients, found)
    show_burst(bursts, lost_usual)


def show(clients: int, found: dict[str, list[tuple[float, float]]]) -> None:
    rate = {name: statistics.median(run[0] for run in runs) for name, runs in found.items()}
    late = {name: statistics.median(run[1] for run in runs) for name, runs in found.items()}
    print(f"One event to {clients:,} WebSocket clients, medians of {len(found['usual'])} alternating runs")
    labels = {"usual": "Channels group, InMemory layer, daphne", "daphne": "TradeOps, daphne (manage.py web)",
              "uvicorn": "TradeOps, uvicorn"}  # fmt: skip
    for name, label in labels.items():
        print(f"  {label:40} {rate[name]:>10,.0f} deliveries/s   p99 {late[name] * 1000:>8.1f} ms")
    print(f"  P5  daphne   {rate['daphne'] / rate['usual']:.1f}x the deliveries (target >= 10x)")
    print(
        f"  P6  uvicorn  {rate['uvicorn'] / rate['usual']:.1f}x the deliveries (target >= 25x), "
        f"p99 1/{late['usual'] / late['uvicorn']:.0f} (target <= 1/20)"
    )


def show_burst(bursts: list[list[tuple[int, float]]], lost_usual: float) -> None:
    alone, beside = ([run[which] for run in bursts] for which in (0, 1))
    before, after = (statistics.median(run[1] for run in runs) for runs in (alone, beside))
    print(f"Burst of {BURST_EVENTS:,} events to {BURST_CLIENTS} clients")
    print(f"  TradeOps: {sum(run[0] for run in alone)} lost, p99 {before * 1000:.0f} ms")
    print(f"  TradeOps, one client stalled: {sum(run[0] for run in beside)} lost, p99 {after * 1000:.0f} ms")
    print(f"  P7  the stalled client adds {100 * (after / before - 1):+.0f} % to the others' p99 (target < 10 %)")
    print(f"  InMemory layer, burst of {USUAL_BURST_EVENTS}: {100 * lost_usual:.0f} % of the deliveries lost")


if __name__ == "__main__":
    main()
