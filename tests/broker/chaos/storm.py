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
from tests.waiting import wait_for

S = OrderState
RECOVERY_SECONDS = 90.0
SETTLE_SECONDS = 180.0
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

    def _probe(self, after: str) -> None:
        """An order that a breaker denies is given anew, as is one that is in doubt or that the trader cancels."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not self._arrives(deadline, after):
            self.person.release_breaker()

    def _arrives(self, deadline: float, after: str) -> bool:
        [order] = self.trader.give(resting, self._chance)

        def state() -> str:
            return patiently(lambda: Order.objects.values_list("state", flat=True).get(pk=order.pk))

        seconds = deadline - time.monotonic()
        wait_for(lambda: state() not in IN_HAND, seconds=seconds, what=f"an answer after {after}")
        return state() == S.WORKING

    def settle(self) -> Books:
        """Until nothing is in doubt and the ledger shows what the broker shows."""
        self.weather.calm()
        self.person.release_breaker()
        deadline = time.monotonic() + SETTLE_SECONDS
        while in_doubt := list(Order.objects.filter(UNSETTLED | UNANSWERED).values_list("pk", flat=True)):
            self.person.decide_unresolved()
            self._require(time.monotonic() < deadline, in_doubt, "in doubt")
            time.sleep(0.2)
        while found := differences(books := self._books(), self.trader.kinds.keys()):
            concerned = [each.order for each in found if each.order is not None]
            self._require(time.monotonic() < deadline, concerned, "\n".join(map(str, found)))
            time.sleep(0.2)
        self._require(2 * len(books.orders) > len(self.trader.kinds), [], "less than half of the orders were sent")
        self._require(self._control("status")["failures"] == 0, [], "the simulator itself failed")
        self._require("Traceback" not in self.platform.gateway_log, [], self.platform.gateway_log[-6000:])
        return books

    def _books(self) -> Books:
        return books_of(self.platform.simulator)

    def _require(self, good: bool, concerned: Sequence[UUID], problem: str) -> None:
        assert good, f"{problem}\n{stories(concerned, self._books())}"

    @contextmanager
    def told_by_seed(self) -> Iterator[None]:
        """Whatever fails says how to have the same again."""
        try:
            yield
        except (AssertionError, TimeoutError) as problem:
            raise AssertionError(
                f"TRADEOPS_CHAOS_SEED={self.seed}: {dict(self.weather.faults)}\n{problem}"
            ) from problem

    def table(self, books: Books) -> str:
        """Everything is counted, what must be 0 too."""
        orders = Order.objects.filter(pk__in=self.trader.kinds)
        states = Counter(orders.values_list("state", flat=True))
        at_broker = Counter(row["order_ref"] for row in books.orders)
        gone = [
            pk for pk in orders.exclude(state__in=NEVER_THERE).values_list("pk", flat=True) if not at_broker[str(pk)]
        ]
        doubted = OrderEvent.objects.filter(after=S.UNRESOLVED).exclude(before=S.UNRESOLVED).count()
        lines = [
            f"seed {self.seed}: {len(self.trader.kinds)} orders: {_counts(Counter(self.trader.kinds.values()))}",
            f"  outcomes: {_counts(states)}",
            f"  at the broker {len(books.orders)}, executions {len(books.executions)}; "
            f"asked of working orders: {_counts(self.trader.asked)}",
            f"  in doubt {doubted} times, decided by a person {len(self.person.decided)}, all others by looking; "
            f"{orders.filter(times_sent__gt=1).count()} sent again, breaker released {self.person.released} times",
            f"  duplicates {at_broker.total() - len(at_broker)}, lost {len(gone)}, unresolved {states[S.UNRESOLVED]}",
        ]
        return "\n".join([*lines, *map(self._line, sorted(self.weather.faults))])

    def _line(self, fault: str) -> str:
        seconds = self.recoveries.get(fault)
        told = f"   recovery p50 {statistics.median(seconds):6.2f}   max {max(seconds):6.2f} s" if seconds else ""
        return f"  {fault:<36}{self.weather.faults[fault]:5}{told}"


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.most_common())
