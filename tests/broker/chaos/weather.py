"""What breaks, kind by kind. Each function returns when its cause is over; what it does to the orders is not."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
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
from tests.broker.gateway.ordering import placements
from tests.waiting import wait_for

NOTICED_SECONDS = 180.0


class Weather:
    """Faults by name. Those in `felt` interrupt the gateway, so that recovering takes time; the `quiet` ones happen to
    orders and executions, and are None where there is none yet."""

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
            "answer to the commit lost": lambda: self._strike_before_sending(kill=False),
            "database crash": self._crash_database,
        }
        self.quiet: dict[str, Callable[[], dict[str, Any] | None]] = {
            "acknowledgement lost": lambda: self._control(f"lose-ack {self._some()}"),
            "order swallowed": lambda: self._control(f"lose-order {self._some()}"),
            "order refused": lambda: self._control("reject 1"),
            "execution sent twice": self._repeat,
            "execution corrected": self._correct,
            "partial fills": lambda: self._control(f"fill-chunk {self._chance.randint(1, 5)}"),
        }

    def blow(self, name: str) -> None:
        if name in self.felt:
            self.felt[name]()
        elif self.quiet[name]() is None:
            return
        self.faults[name] += 1

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
        self._strike_before_sending(kill=True)
        self._kill()

    def _strike_before_sending(self, *, kill: bool) -> None:
        while not self._strikes(kill=kill):
            # A breaker stopped the orders, or the trader thought again: others are given.
            self._person.release_breaker()

    def _strikes(self, *, kill: bool) -> bool:
        orders = self._trader.propose(self._chance.choice(KINDS), self._chance)
        ids = [order.pk for order in orders]
        struck = self._platform.strike_at_commit_of(ids, kill=kill)
        self._trader.approve(orders)
        wait_for(lambda: struck() or patiently(lambda: has_ended(ids[0])), seconds=NOTICED_SECONDS, what="the commit")
        self._platform.wire.cut_once(None)
        sent = [order for order in orders if placements(self._platform.simulator, order)]
        assert not (struck() and sent), f"these had been sent already: {sent}"
        return struck()

    def _crash_database(self) -> None:
        self._platform.database.stop()
        self._pause(1.0)
        self._platform.database.start_again()

    def _repeat(self) -> dict[str, Any] | None:
        return self._control("dup-exec") if self._control("status")["executions"] else None

    def _correct(self) -> dict[str, Any] | None:
        done = self._control("executions")["executions"]
        if not done:
            return None
        row = self._chance.choice(done[-20:])
        return self._control(f"correct-exec {row['exec_id']} {row['price'] * self._chance.uniform(0.98, 1.02):.2f}")


def is_not_ready() -> bool:
    return not GatewaySession.objects.filter(state=SessionState.READY).exists()


def has_ended(pk: UUID) -> bool:
    return Order.objects.filter(pk=pk, state__in=ENDED).exists()
