"""Orders of all kinds while one thing after the other breaks, at seeded random moments; then all is counted."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import Q

from apps.broker.choices import OrderState
from apps.broker.models import Order, OrderEvent
from tests.broker.chaos.intents import resting
from tests.broker.chaos.judge import NEVER_THERE, Books, books_of, differences, stories
from tests.broker.chaos.patience import patiently
from tests.broker.chaos.person import Person
from tests.broker.chaos.platform import BrokenPlatform
from tests.broker.chaos.trader import Trader
from tests.broker.chaos.weather import Weather

S = OrderState
RECOVERY_SECONDS = 180.0
SETTLE_SECONDS = 240.0
MOMENT_SECONDS = 1.0
QUIET_AT_ONCE = 3
IN_HAND = (S.APPROVED, S.SUBMITTING)
UNSETTLED = Q(state__in=[S.PROPOSED, S.APPROVED, S.SUBMITTING, S.UNRESOLVED])
UNANSWERED = Q(state=S.WORKING) & (Q(cancel_requested_at__isnull=False) | ~Q(wanted_changes={}))


@dataclass
class Storm:
    """`recoveries` are the seconds from a fault to an order that was given after it and works at the broker."""

    platform: BrokenPlatform
    seed: int
    recoveries: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.trader = Trader(self.platform.simulator, self.seed)
        self.person = Person(self.platform.simulator)
        self.weather = Weather(self.platform, self.trader, self.person, self.seed)
        self._control = self.platform.simulator.control
        self._chance = random.Random(f"{self.seed} storm")

    def blow(self, orders: int, rounds: int, kinds: Iterable[str]) -> None:
        """At least so many orders; in each round one of these kinds of faults, and some quiet ones before."""
        felt, quiet = self._deal(kinds), self._deal(self.weather.quiet)
        self._probe("the start")
        with ThreadPoolExecutor(1) as pool:
            for number in range(1, rounds + 1):
                missing = orders * number // rounds - len(self.trader.kinds)
                for name in islice(quiet, QUIET_AT_ONCE):
                    self.weather.blow(name)
                self._round(next(felt), pool.submit(self.trader.trade, max(1, missing)))

    def _deal(self, names: Iterable[str]) -> Iterator[str]:
        """Each once in random order, then all over again."""
        while deck := sorted(names):
            self._chance.shuffle(deck)
            yield from deck

    def _round(self, name: str, trading: Future[None]) -> None:
        time.sleep(self._chance.uniform(0, MOMENT_SECONDS))
        begun = time.monotonic()
        self.weather.blow(name)
        self.weather.forgive()
        self._probe(name)
        self.recoveries[name].append(time.monotonic() - begun)
        trading.result(RECOVERY_SECONDS)
        self.person.decide_unresolved()
        self._require_no_double()

    def _probe(self, after: str) -> None:
        """An order that a breaker denies is given anew, as is one that is in doubt or that the trader cancels."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not self._arrives(deadline, after):
            self.person.release_breaker()

    def _arrives(self, deadline: float, after: str) -> bool:
        [order] = self.trader.give(resting, self._chance)

        def state() -> str:
            self.platform.keep_gateway()
            return patiently(lambda: Order.objects.values_list("state", flat=True).get(pk=order.pk))

        while (now := state()) in IN_HAND:
            self._require(time.monotonic() < deadline, [order.pk], f"no answer after {after}: {now}")
            time.sleep(0.05)
        return now == S.WORKING

    def settle(self) -> Books:
        """Until nothing is in doubt and the ledger shows what the broker shows."""
        self.weather.calm()
        self.person.release_breaker()
        self._require_no_double()
        deadline = time.monotonic() + SETTLE_SECONDS
        while in_doubt := list(Order.objects.filter(UNSETTLED | UNANSWERED).values_list("pk", flat=True)):
            self.person.decide_unresolved()
            self.platform.keep_gateway()
            self._require(time.monotonic() < deadline, in_doubt, "in doubt")
            time.sleep(0.2)
        while found := differences(books := self._books(), self.trader.kinds.keys()):
            concerned = [each.order for each in found if each.order is not None]
            self._require(time.monotonic() < deadline, concerned, "\n".join(map(str, found)))
            time.sleep(0.2)
        self._require(2 * len(books.orders) > len(self.trader.kinds), [], "less than half of the orders were sent")
        self._require(self._control("status")["failures"] == 0, [], "the simulator itself failed")
        self._require("Traceback" not in self.platform.gateway_log, [], "the gateway failed in a way of its own")
        return books

    def _books(self) -> Books:
        return books_of(self.platform.simulator)

    def _require_no_double(self) -> None:
        """Nothing that comes later can mend it."""
        counted = Counter(row["order_ref"] for row in self._books().orders)
        double = [UUID(reference) for reference, count in counted.items() if count > 1]
        self._require(not double, double, "at the broker more than once")

    def _require(self, good: bool, concerned: Sequence[UUID], problem: str) -> None:
        assert good, f"{problem}\n{stories(concerned, self._books())}"

    @contextmanager
    def told_by_seed(self) -> Iterator[None]:
        """Whatever fails says how to have the same again."""
        try:
            yield
        except (AssertionError, TimeoutError) as problem:
            told = f"TRADEOPS_CHAOS_SEED={self.seed}: {dict(self.weather.faults)}\n{problem}"
            raise AssertionError(f"{told}\nthe gateway: {self.platform.gateway_log[-8000:]}") from problem

    def table(self, books: Books) -> str:
        """Everything is counted, what must be 0 too."""
        orders = Order.objects.filter(pk__in=self.trader.kinds)
        states = Counter(orders.values_list("state", flat=True))
        at_broker = Counter(row["order_ref"] for row in books.orders)
        gone = [
            pk for pk in orders.exclude(state__in=NEVER_THERE).values_list("pk", flat=True) if not at_broker[str(pk)]
        ]
        doubts = seconds_in_doubt()
        lines = [
            f"seed {self.seed}: {len(self.trader.kinds)} orders: {_counts(Counter(self.trader.kinds.values()))}",
            f"  outcomes: {_counts(states)}",
            f"  at the broker {len(books.orders)}, executions {len(books.executions)}; "
            f"asked of working orders: {_counts(self.trader.asked)}",
            f"  in doubt {len(doubts)} times ({_spread(doubts)}), decided by a person {len(self.person.decided)}, all "
            f"others by looking; {orders.filter(times_sent__gt=1).count()} sent again, breaker released "
            f"{self.person.released} times",
            f"  duplicates {at_broker.total() - len(at_broker)}, lost {len(gone)}, unresolved {states[S.UNRESOLVED]}",
        ]
        return "\n".join([*lines, *map(self._line, sorted(self.weather.faults))])

    def _line(self, fault: str) -> str:
        told = f"   recovery {_spread(self.recoveries[fault])}" if fault in self.recoveries else ""
        return f"  {fault:<36}{self.weather.faults[fault]:5}{told}"


def seconds_in_doubt() -> list[float]:
    """From each time an order became unresolved to what was decided about it."""
    found: list[float] = []
    since: dict[UUID, datetime] = {}
    for pk, after, at in OrderEvent.objects.order_by("id").values_list("order_id", "after", "at"):
        if after == S.UNRESOLVED:
            since.setdefault(pk, at)
        elif pk in since:
            found.append((at - since.pop(pk)).total_seconds())
    return found


def _spread(seconds: Sequence[float]) -> str:
    return f"p50 {statistics.median(seconds):6.2f}   max {max(seconds):6.2f} s" if seconds else "none"


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.most_common())
