"""Orders of all kinds while one thing after the other breaks, at seeded random moments; then all is counted."""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db.models import Q

from apps.broker.choices import OrderState
from apps.broker.models import Order, OrderEvent
from tests.broker.chaos.intents import resting
from tests.broker.chaos.judge import Books, books_of, differences, stories
from tests.broker.chaos.patience import patiently
from tests.broker.chaos.person import Person
from tests.broker.chaos.platform import BrokenPlatform
from tests.broker.chaos.trader import Trader
from tests.broker.chaos.weather import Weather
from tests.waiting import wait_for

S = OrderState
RECOVERY_SECONDS = 90.0
SETTLE_SECONDS = 120.0
MOMENT_SECONDS = 0.4
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
        self._chance = random.Random(f"{self.seed} storm")

    def blow(self, orders: int, rounds: int) -> None:
        """At least so many orders; every kind of fault at least once when there are as many rounds as kinds."""
        self._probe()
        with ThreadPoolExecutor(1) as pool:
            for number, name in enumerate(self._kinds(rounds), 1):
                missing = orders * number // rounds - len(self.trader.kinds)
                self._round(name, pool.submit(self.trader.trade, max(1, missing)))

    def _kinds(self, rounds: int) -> Iterable[str]:
        left: list[str] = []
        for _ in range(rounds):
            if not left:
                left = sorted(self.weather.felt)
                self._chance.shuffle(left)
            yield left.pop()

    def _round(self, name: str, trading: Future[None]) -> None:
        for quiet in self._chance.sample(sorted(self.weather.quiet), 3):
            self.weather.blow(quiet)
        time.sleep(self._chance.uniform(0, MOMENT_SECONDS))
        begun = time.monotonic()
        self.weather.blow(name)
        self.weather.forgive()
        self._probe(name)
        self.recoveries[name].append(time.monotonic() - begun)
        trading.result(RECOVERY_SECONDS)
        self.person.decide_unresolved()

    def _probe(self, after: str = "the start") -> None:
        """An order that a breaker denies is given anew, as is one that is swallowed or refused in its turn."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not self._arrives(deadline, after):
            self.person.release_breaker()

    def _arrives(self, deadline: float, after: str) -> bool:
        [order] = self.trader.give(resting, self._chance)

        def state() -> str:
            return patiently(lambda: Order.objects.values_list("state", flat=True).get(pk=order.pk))

        left = deadline - time.monotonic()
        wait_for(
            lambda: state() not in (S.APPROVED, S.SUBMITTING), seconds=left, what=f"an order's answer after {after}"
        )
        return state() in (S.WORKING, S.CANCELLED)

    def settle(self) -> Books:
        """Until nothing is in doubt and the ledger shows what the broker shows. AssertionError tells the stories."""
        self.weather.calm()
        self.person.release_breaker()
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.unsettled().exists():
            self.person.decide_unresolved()
            assert time.monotonic() < deadline, self._complaint([str(order) for order in self.unsettled()])
            time.sleep(0.2)
        while found := differences(books := books_of(self.platform.simulator), self.trader.kinds.keys()):
            if time.monotonic() > deadline:
                raise AssertionError(self._complaint([*map(str, found), stories(found, books)]))
            time.sleep(0.2)
        return books

    def unsettled(self):  # type: ignore[no-untyped-def]
        return Order.objects.filter(UNSETTLED | UNANSWERED)

    def check(self, books: Books) -> None:
        """At least half of the orders were really sent, and no order of the broker's is told twice."""
        sent = {row["order_ref"] for row in books.orders}
        assert 2 * len(sent) > len(self.trader.kinds), self._complaint([f"only {len(sent)} orders reached the broker"])
        assert self.platform.simulator.control("status")["failures"] == 0
        assert "Traceback" not in self.platform.gateway_log, self._complaint([self.platform.gateway_log[-6000:]])

    def _complaint(self, lines: Iterable[str]) -> str:
        return "\n".join([f"TRADEOPS_CHAOS_SEED={self.seed} after {dict(self.weather.faults)}", *lines])

    def table(self, books: Books) -> str:
        orders = Order.objects.filter(pk__in=self.trader.kinds)
        states = Counter(orders.values_list("state", flat=True))
        doubted = OrderEvent.objects.filter(after=S.UNRESOLVED).exclude(before=S.UNRESOLVED)
        outcomes = ", ".join(f"{count} {state}" for state, count in states.most_common())
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(self.trader.kinds.values()).most_common())
        resent = orders.filter(times_sent__gt=1).count()
        lines = [
            f"seed {self.seed}: {len(self.trader.kinds)} orders ({kinds})",
            f"  outcomes: {outcomes}; {len(books.orders)} at the broker, {len(books.executions)} executions",
            f"  asked: {self.trader.asked['cancelled']} cancelled, {self.trader.asked['modified']} modified",
            f"  in doubt {doubted.count()} times: {len(self.person.decided)} decided by a person, all others by looking",
            f"  {resent} sent again after two looks, breaker released {self.person.released} times by a person",
            f"  duplicates 0, lost 0, unresolved {states[S.UNRESOLVED]}",
        ]
        for name, count in sorted(self.weather.faults.items()):
            seconds = self.recoveries.get(name)
            told = f"   recovery p50 {statistics.median(seconds):6.2f}   max {max(seconds):6.2f} s" if seconds else ""
            lines.append(f"  {name:<36}{count:5}{told}")
        return "\n".join(lines)
