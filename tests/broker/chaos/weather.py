"""What breaks, kind by kind. Each function returns when its cause is over; what it does to the orders is not."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID

from apps.broker.choices import SessionState
from apps.broker.domain.orders import ENDED
from apps.broker.models import GatewaySession, Order
from apps.broker.simulator.testing import ControlError
from tests.broker.chaos.intents import KINDS
from tests.broker.chaos.patience import patiently
from tests.broker.chaos.person import Person
from tests.broker.chaos.platform import BrokenPlatform
from tests.broker.chaos.trader import Trader
from tests.waiting import wait_for

NOTICED_SECONDS = 60.0


class Weather:
    """`kinds` are functions by name; those in `felt` interrupt the gateway, so that recovering from them takes time."""

    def __init__(self, platform: BrokenPlatform, trader: Trader, person: Person, seed: int) -> None:
        self.faults: Counter[str] = Counter()
        self._platform = platform
        self._control = platform.simulator.control
        self._trader = trader
        self._person = person
        self._chance = random.Random(f"{seed} weather")
        self.felt: dict[str, Callable[[], None]] = {
            "link reset (RST)": lambda: self._drop("rst"),
            "link closed": lambda: self._drop(""),
            "link half-open": self._half_open,
            "broker restart": self._restart_broker,
            "1100, then 1101": lambda: self._lose_broker("1101"),
            "1100, then 1102": lambda: self._lose_broker("1102"),
            "gateway kill -9": self._kill,
            "kill -9 between commit and sending": self._kill_before_sending,
            "database crash": self._crash_database,
        }
        self.quiet: dict[str, Callable[[], None]] = {
            "acknowledgement lost": lambda: self._control(f"lose-ack {self._some()}"),
            "order swallowed": lambda: self._control(f"lose-order {self._some()}"),
            "order refused": lambda: self._control("reject 1"),
            "execution sent twice": lambda: self._of_executions("dup-exec"),
            "execution corrected": self._correct,
            "partial fills": lambda: self._control(f"fill-chunk {self._chance.randint(1, 5)}"),
        }

    def blow(self, name: str) -> None:
        self.faults[name] += 1
        (self.felt | self.quiet)[name]()

    def forgive(self) -> None:
        """What was to happen to orders that have not come is not to happen to the next."""
        for command in ("lose-ack 0", "lose-order 0", "reject 0"):
            self._control(command)

    def calm(self) -> None:
        """Nothing breaks any more, and nothing moves."""
        self.forgive()
        for command in ("blackhole off", "fill-chunk off", "hold on"):
            self._control(command)

    def _some(self) -> int:
        return self._chance.randint(1, 3)

    def _pause(self, most: float) -> None:
        time.sleep(self._chance.uniform(0, most))

    def _drop(self, how: str) -> None:
        try:
            self._control(f"drop {self._chance.choice(['1', '1', 'all'])} {how}".strip())
        except ControlError:
            # It is not connected just now, for an earlier reason.
            self._control("drop all")

    def _half_open(self) -> None:
        self._control("blackhole on")
        wait_for(lambda: patiently(is_not_ready), seconds=NOTICED_SECONDS, what="the gateway notices")
        self._control("blackhole off")

    def _restart_broker(self) -> None:
        self._control(f"restart {self._chance.uniform(0.3, 2):.2f} {self._chance.choice(['', 'keep-ids'])}".strip())

    def _lose_broker(self, back: str) -> None:
        self._control("1100")
        self._pause(1.5)
        if self._chance.random() < 0.3:
            self._drop("rst")
        self._control(back)

    def _kill(self) -> None:
        self._platform.kill_gateway()
        self._pause(0.5)
        self._platform.start_gateway()

    def _kill_before_sending(self) -> None:
        while not self._dies_before_sending():
            # A breaker stopped the orders, or the trader thought again: others are given.
            self._person.release_breaker()
        self.faults["orders committed, never sent"] += 1
        self._kill()

    def _dies_before_sending(self) -> bool:
        orders = self._trader.propose(self._chance.choice(KINDS), self._chance)
        ids = [order.pk for order in orders]
        dead = self._platform.kill_at_commit_of(ids)
        self._trader.approve(orders)
        wait_for(lambda: dead() or patiently(lambda: has_ended(ids[0])), seconds=NOTICED_SECONDS, what="the commit")
        self._platform.watch_no_commit()
        if not dead():
            return False
        arrived = {row["order_ref"] for row in self._control("orders")["orders"]}
        assert not arrived & set(map(str, ids)), "the kill came too late: they had been sent"
        return True

    def _crash_database(self) -> None:
        self._platform.database.stop()
        self._pause(1.0)
        self._platform.database.start_again()

    def _of_executions(self, command: str) -> None:
        if self._control("status")["executions"]:
            self._control(command)

    def _correct(self) -> None:
        done = self._control("executions")["executions"]
        if done:
            row = self._chance.choice(done[-20:])
            self._control(f"correct-exec {row['exec_id']} {row['price'] * self._chance.uniform(0.98, 1.02):.2f}")


def is_not_ready() -> bool:
    return not GatewaySession.objects.filter(state=SessionState.READY).exists()


def has_ended(pk: UUID) -> bool:
    return Order.objects.filter(pk=pk, state__in=ENDED).exists()
