"""Messages leave evenly and the urgent first; history stays within IB's limits."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Sequence

import pytest

from apps.broker.choices import Priority
from apps.broker.gateway.history_pacing import HistoryBudget, Question
from apps.broker.gateway.library import new_ib
from apps.broker.gateway.link import BEAT_SECONDS, BEAT_TIMEOUT, FAILURES_ALLOWED, RETRY_SECONDS
from apps.broker.gateway.pacing import MESSAGES_PER_SECOND, Pacer
from apps.broker.simulator.limits import HistoryPacing, HistoryQuery


async def test_messages_are_evenly_spaced() -> None:
    pacer = Pacer(rate=200)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def send() -> None:
        await pacer.turn(Priority.QUOTE)
        times.append(loop.time())

    await asyncio.gather(*(send() for _ in range(60)))
    assert len(times) == 60
    for first, last in zip(times, times[20:], strict=False):
        assert last - first >= 20 / 200 - 0.011, "the timer of the loop is precise to some milliseconds only"


class LateSelector(selectors.SelectSelector):
    """No time passes but what is waited for, and every wait may last longer than was asked for."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.now = 0.0
        self._chance = chance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.now += timeout + (0.3 if self._chance.random() < 0.01 else self._chance.choice([0, 0.001, 0.02, 0.04]))
        return super().select(0)


class LateLoop(asyncio.SelectorEventLoop):
    def __init__(self, chance: random.Random) -> None:
        self._late = LateSelector(chance)
        super().__init__(self._late)

    def time(self) -> float:
        return self._late.now


def most_in_a_second(times: Sequence[float]) -> int:
    return max(sum(start <= at < start + 1 for at in times) for start in times)


@pytest.mark.parametrize("seed", range(8))
def test_no_second_holds_more_than_forty_orders_or_forty_nine_messages(seed: int) -> None:
    """However late the timers of a busy machine are."""
    chance = random.Random(seed)
    kinds = [[Priority.ORDER], [Priority.CANCEL], [Priority.ORDER, Priority.CANCEL, Priority.QUOTE]][seed % 3]

    async def leave() -> list[tuple[float, Priority]]:
        pacer, left = Pacer(), list[tuple[float, Priority]]()

        async def send(priority: Priority) -> None:
            await pacer.turn(priority)
            left.append((asyncio.get_running_loop().time(), priority))

        await asyncio.gather(*(send(chance.choice(kinds)) for _ in range(300)))
        return left

    with asyncio.Runner(loop_factory=lambda: LateLoop(chance)) as runner:
        left = runner.run(leave())
    assert most_in_a_second([at for at, _ in left]) <= 49
    orders = [at for at, priority in left if priority is Priority.ORDER]
    assert not orders or most_in_a_second(orders) <= 40


@pytest.mark.parametrize("seed", range(12))
def test_no_second_holds_more_where_groups_of_orders_leave_at_once(seed: int) -> None:
    chance = random.Random(seed)

    async def leave() -> list[tuple[float, Priority]]:
        pacer, left = Pacer(), list[tuple[float, Priority]]()

        async def send(priority: Priority, count: int) -> None:
            await pacer.turns(priority, count)
            left.extend([(asyncio.get_running_loop().time(), priority)] * count)

        async def send_families() -> None:
            for _ in range(30):
                await send(Priority.ORDER, chance.choice([1, 3, 3, 10, 20]))

        async def send_others(priority: Priority, bursts: int) -> None:
            for _ in range(bursts):
                await asyncio.gather(*(send(priority, 1) for _ in range(chance.choice([1, 20, 60]))))
                await asyncio.sleep(chance.choice([0, 0.1, 2]))

        others = [(Priority.QUOTE, 20), (Priority.CANCEL, 12), (Priority.ORDER, 12)]
        await asyncio.gather(send_families(), *(send_others(*one) for one in others))
        return left

    with asyncio.Runner(loop_factory=lambda: LateLoop(chance)) as runner:
        left = runner.run(leave())
    assert most_in_a_second([at for at, _ in left]) <= 49
    assert most_in_a_second([at for at, priority in left if priority is Priority.ORDER]) <= 40


def test_librarys_own_queue_is_never_used_and_never_lets_more_leave_than_the_broker_takes() -> None:
    client = new_ib().client
    assert client.RequestsInterval == 1 and MESSAGES_PER_SECOND + 3 <= 49 < client.MaxRequests <= 50


def test_half_open_link_is_noticed_within_eight_seconds() -> None:
    longest = BEAT_SECONDS + FAILURES_ALLOWED * BEAT_TIMEOUT + (FAILURES_ALLOWED - 1) * RETRY_SECONDS
    assert longest <= 8


async def test_the_urgent_overtake() -> None:
    pacer = Pacer(rate=20)  # slow enough that all wait before the second may leave, on a busy machine too
    order: list[Priority] = []

    async def send(priority: Priority) -> None:
        await pacer.turn(priority)
        order.append(priority)

    waiting = [Priority.HISTORY, Priority.QUOTE, Priority.RECONCILE, Priority.ORDER, Priority.CANCEL] * 3
    first = asyncio.ensure_future(send(Priority.HISTORY))
    await asyncio.sleep(0)
    await asyncio.gather(first, *(send(priority) for priority in waiting))
    assert order[1:] == sorted(waiting)


async def test_first_cancel_does_not_even_wait_for_the_message_before_it() -> None:
    pacer, loop = Pacer(rate=2), asyncio.get_running_loop()
    await pacer.turn(Priority.QUOTE)
    begun = loop.time()
    left = []
    for priority in (Priority.CANCEL, Priority.CANCEL, Priority.QUOTE):
        await pacer.turn(priority)
        left.append(loop.time() - begun)
    assert left[0] < 0.1 and left[1] >= 0.98 and left[2] >= 1.48


async def test_a_cancel_leaves_at_once_although_a_thousand_wait() -> None:
    pacer = Pacer()
    loop = asyncio.get_running_loop()
    queue = [asyncio.ensure_future(pacer.turn(Priority.HISTORY)) for _ in range(1000)]
    await asyncio.sleep(0.05)
    begun = loop.time()
    await pacer.turn(Priority.CANCEL)
    assert loop.time() - begun < 0.1
    assert pacer.depth > 900
    assert pacer.clear() > 900
    assert pacer.depth == 0
    for task in queue:
        task.cancel()
    await asyncio.gather(*queue, return_exceptions=True)


async def test_who_gives_up_costs_no_turn() -> None:
    pacer = Pacer(rate=20)
    await pacer.turn(Priority.QUOTE)
    leavers = [asyncio.ensure_future(pacer.turn(Priority.ORDER)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in leavers:
        task.cancel()
    await asyncio.wait_for(pacer.turn(Priority.QUOTE), 0.2)


def question(line: int, text: int, weight: int = 1) -> Question:
    return Question((line,), (line, text), weight)


@pytest.mark.parametrize("seed", range(5))
def test_history_budget_never_trips_the_brokers_own_count(seed: int) -> None:
    """An hour of random questions against the simulator's strict count of IB's rules."""
    dice = random.Random(seed)
    budget, strict = HistoryBudget(), HistoryPacing()
    now, asked = 1000.0, 0
    while now < 4600:
        wanted = question(dice.randrange(3), dice.randrange(20), dice.choice([1, 1, 1, 2]))
        wait = budget.wait(wanted, now)
        now += wait if wait else dice.random()
        if not budget.wait(wanted, now):
            budget.spend(wanted, now)
            strict.admit(HistoryQuery(wanted.line, wanted.text, wanted.weight), now)
            asked += 1
    assert asked > 200


def test_history_budget_allows_sixty_at_once() -> None:
    budget = HistoryBudget()
    for number in range(60):
        assert budget.wait(question(number, 0), 0.0) == 0
        budget.spend(question(number, 0), 0.0)
    assert 595 < budget.wait(question(61, 0), 5.0) < 596
