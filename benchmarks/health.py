"""The liveness endpoint: answered before Django from a status taken once a second, against an async Django view."""

from __future__ import annotations

import argparse
import socket
import statistics
import threading
import time

from benchmarks._web.servers import database, product_on_daphne, usual_on_daphne

CONNECTIONS = 8
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def ask(port: int, count: int) -> None:
    """`count` requests over one kept connection, each answer read whole."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        rest = b""
        for _ in range(count):
            connection.sendall(REQUEST)
            while b"\r\n\r\n" not in rest:
                rest += connection.recv(65536)
            head, rest = rest.split(b"\r\n\r\n", 1)
            rest = read_body(connection, head, rest)


def read_body(connection: socket.socket, head: bytes, rest: bytes) -> bytes:
    """Read the body over; what came after it. Django's answer is chunked, ours has a length."""
    if b"chunked" in head:
        while b"0\r\n\r\n" not in rest:
            rest += connection.recv(65536)
        return rest.split(b"0\r\n\r\n", 1)[1]
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(rest) < length:
        rest += connection.recv(65536)
    return rest[length:]


def requests_per_second(port: int, count: int) -> float:
    ask(port, 50)
    threads = [threading.Thread(target=ask, args=[port, count // CONNECTIONS]) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=5, help="alternating runs; medians are printed")
    options = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    with database() as data, product_on_daphne(data) as product, usual_on_daphne() as usual:
        for _ in range(options.repeat):
            theirs.append(requests_per_second(usual, options.requests))
            ours.append(requests_per_second(product, options.requests))
    view, health = statistics.median(theirs), statistics.median(ours)
    print(f"GET /health over {CONNECTIONS} kept connections, medians of {options.repeat} alternating runs")
    print(f"  async Django view, daphne          {view:>8,.0f} requests/s")
    print(f"  TradeOps, daphne (manage.py web)   {health:>8,.0f} requests/s")
    print(f"  P16 {health / view:.1f}x (target >= 5x)")


if __name__ == "__main__":
    main()
