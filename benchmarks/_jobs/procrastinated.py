"""procrastinate on the same PostgreSQL, driven by `python -m benchmarks._jobs.procrastinated`."""

from __future__ import annotations

import os
import time

import procrastinate

from benchmarks._jobs.driving import drive, wait_until_true

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["BENCH_DSN"]))


@app.task(name="noop")
def noop() -> None:
    """Nothing: what is measured is the queue."""


def backlog(count: int) -> float:
    with (
        app.replace_connector(procrastinate.SyncPsycopgConnector(conninfo=os.environ["BENCH_DSN"])) as sync,
        sync.open(),
    ):
        sync.tasks["noop"].batch_defer(*({} for _ in range(count)))
    begun = time.perf_counter()
    wait_until_true("SELECT NOT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))")
    return time.perf_counter() - begun


if __name__ == "__main__":
    drive(backlog=backlog)
