"""What the three queues' drivers share: each is a process of its own, told what to do, answering in JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

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


def drive(**works: Callable[..., object]) -> None:
    """One line of JSON in, one out: ["backlog", 2000], ["latency", 300], ["lateness", [due, ...]]."""
    print(READY, flush=True)
    for line in sys.stdin:
        name, argument = json.loads(line)
        print(json.dumps(works[name](argument)), flush=True)
