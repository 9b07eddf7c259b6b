"""What the three queues' drivers share: each is a process of its own, told what to do, answering in JSON."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable

import psycopg

from benchmarks._jobs.contenders import READY


def setup_django(settings: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    import django

    django.setup()


def wait_until(look: Callable[[], bool], *, pause: float = 0.01, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)


def wait_until_true(query: str, *values: object, pause: float = 0.01) -> None:
    """Look with as little work as possible: the processes that are measured share the machine."""
    wait_until(lambda: looking_glass().execute(query, values).fetchone() == (True,), pause=pause)


@functools.cache
def looking_glass() -> psycopg.Connection:
    return psycopg.connect(os.environ["BENCH_DSN"], autocommit=True, prepare_threshold=0)


def drive(**works: Callable[..., object]) -> None:
    """One line of JSON in, one out: ["backlog", 2000], ["latency", 300], ["lateness", [due, ...]]."""
    print(READY, flush=True)
    for line in sys.stdin:
        name, argument = json.loads(line)
        print(json.dumps(works[name](argument)), flush=True)
