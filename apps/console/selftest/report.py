"""All trials, each by itself: one that breaks is a failure of its own and stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from apps.console.doctor.verdicts import Check, fail
from apps.console.selftest import broker, maths, pages, portfolio
from tradeops.lib.errors import TradeOpsError

START = "Start the platform with `manage.py up` (or `make run`), then run the self-test again."

TRIALS: dict[str, Callable[[], Iterable[Check]]] = {
    "performance maths": maths.try_maths,
    "pages": pages.try_pages,
    "broker": broker.try_broker,
    "fills": broker.try_fills,
    "snapshot": portfolio.try_snapshot,
    "stats": portfolio.try_stats,
}


def run_trials() -> Iterator[Check]:
    for name, trial in TRIALS.items():
        try:
            yield from trial()
        except TradeOpsError as error:
            yield fail(name, str(error), START)
        except Exception as error:
            reason = (str(error).strip().splitlines() or [""])[0]
            yield fail(name, f"{type(error).__name__}: {reason}", START)
