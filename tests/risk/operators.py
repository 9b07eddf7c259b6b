"""Fifty people at once: what they press in a round, over the services and over the real API, and what came of it."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client

from apps.broker import services as broker
from apps.broker.choices import OrderPurpose, OrderState, OrderType, Scope, Side
from apps.broker.models import Account, Order
from apps.broker.services import Terms
from apps.broker.simulator.testing import ControlError, SimulatorProcess
from apps.risk import services as risk
from apps.risk.choices import LimitName, RevisionState
from apps.risk.models import LimitRevision
from apps.risk.services.emergency_closing import carry_on
from tests.broker.gateway.ordering import instrument
from tests.broker.gateway.running import ACCOUNT
from tests.console.web_process import WebProcess
from tests.risk.world import watch_losses
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.errors import TradeOpsError

PEOPLE = 50
BY_API = 12
FILLS = 6
HELD = Decimal(60)
SYMBOLS = ("SPY", "AAPL")
REFUSALS = (400, 403, 409, 422)
UNAVAILABLE = 503
CSRF = "c" * 32


@dataclass(frozen=True)
class Outcome:
    """What one press came to: done, denied or refused with a reason; unknown where an overloaded API says so; or
    broken, which nothing may be."""

    who: str
    what: str
    target: str
    way: str
    result: str
    detail: str = ""
    run: str = ""


@dataclass
class Round:
    number: int
    started_at: Any
    proposals: list[Order]
    working: list[Order]
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def pressed(self, what: str) -> list[str]:
        """Whose press had effect, or may have had."""
        return [outcome.who for outcome in self.of(what)] + self.unsure(what)

    def unsure(self, what: str, target: str = "") -> list[str]:
        """Who was told that nobody knows whether the press had effect."""
        unknown = self.of(what, "unknown")
        return [outcome.who for outcome in unknown if outcome.target == target]

    def of(self, what: str, result: str = "done") -> list[Outcome]:
        return [outcome for outcome in self.outcomes if (outcome.what, outcome.result) == (what, result)]


@dataclass(frozen=True)
class Person:
    name: str
    cookie: str

    @property
    def user(self) -> User:
        return User.objects.get(username=self.name)


Act = Callable[[Person], str]


@dataclass(frozen=True)
class Press:
    """`act` returns the id of a receipt where there is one; `path` and `body` say the same over the API."""

    what: str
    target: str
    act: Act
    path: str = ""
    body: Any = None


def make_people() -> list[Person]:
    """A fifth are traders; all others may do everything. The first of them are signed in at the API."""
    roles = ["trader" if number % 5 == 0 else "risk" for number in range(PEOPLE)]
    users = User.objects.bulk_create(
        User(username=f"{role}-{number}", is_staff=True, password=make_password(None))
        for number, role in enumerate(roles)
    )
    for role in set(roles):
        Group.objects.get(name=role).user_set.set(user for user in users if user.username.startswith(role))
    return [Person(user.username, sign_in(user) if place < BY_API else "") for place, user in enumerate(users)]


def sign_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


class Desk:
    """One account at the simulated broker, and the people who press."""

    def __init__(self, simulator: SimulatorProcess, web: WebProcess, people: list[Person], seed: int) -> None:
        self.simulator, self.web, self.people = simulator, web, people
        self.chance = random.Random(seed)
        self.traders = [person for person in people if person.name.startswith("trader")]
        self.judges = [person for person in people if person.name.startswith("risk")]

    def prepare(self, number: int) -> Round:
        """Orders that wait, that work and that can be filled."""
        chance, started_at = self.chance, clock.now()
        watch_losses(Account.objects.get(code=ACCOUNT))
        proposals = []
        for place in range(5):
            giver = chance.choice(self.traders if place else self.judges)
            terms = self.terms(
                SYMBOLS[place % 2], Side.BUY, Decimal(place + 2), Decimal(1) + Decimal(number % 50) / 100
            )
            proposals.append(wait_for(partial(self.propose, terms, giver.user), seconds=90, what="a proposal"))
        working = [self.give(symbol, Side.BUY, Decimal(8), Decimal(1), OrderPurpose.ENTRY) for symbol in SYMBOLS]
        working += [
            self.give(symbol, Side.SELL, Decimal(20), Decimal(9000), OrderPurpose.PROTECTIVE) for symbol in SYMBOLS
        ]
        return Round(number, started_at, proposals, working)

    def propose(self, terms: Terms, user: User) -> Order | None:
        """None where a slow machine had the session or the quote grow old; the order is denied then."""
        order = risk.submit_order(terms=terms, idempotency_key=uuid4().hex, requested_by="", user=user)
        return order if order.state == OrderState.PROPOSED else None

    def terms(self, symbol: str, side: Side, quantity: Decimal, price: Decimal, **changes: Any) -> Terms:
        base: dict[str, Any] = {
            "account": Account.objects.get(code=ACCOUNT),
            "instrument": instrument(self.simulator, symbol),
            "side": side,
            "quantity": quantity,
            "order_type": OrderType.LIMIT,
            "limit_price": price,
            "purpose": OrderPurpose.ENTRY,
            "reason": "a round",
            "outside_regular_hours": True,
        }
        return Terms(**(base | changes))

    def give(self, symbol: str, side: Side, quantity: Decimal, price: Decimal, purpose: OrderPurpose) -> Order:
        terms = self.terms(symbol, side, quantity, price, purpose=purpose)
        order = broker.propose_order(terms=terms, idempotency_key=uuid4().hex, requested_by="test")
        return broker.approve_order(order_id=order.pk, actor="test")

    def presses(self, played: Round) -> Iterator[Press]:
        """What is pressed in this round, more than there are people. Stops come in two rounds of three."""
        kind, chance = played.number % 3, self.chance
        orders = [*played.proposals, *played.working]
        counts = {
            self.approve: (14, played.proposals),
            self.reject: (6, played.proposals),
            self.cancel: (8, orders),
            self.modify: (8, played.working),
        }
        for make, (count, among) in counts.items():
            for _ in range(count):
                yield make(chance.choice(among))
        for _ in range(4):
            yield self.change_limit(Decimal(chance.randint(20, 60)) / 10)
            yield self.approve_limit()
        for _ in range((3, 6, 3)[kind]):
            yield self.resume()
        for _ in range((0, 8, 3)[kind]):
            yield self.halt()
        for _ in range((0, 0, 5)[kind]):
            yield self.close_all()

    def play(self, played: Round) -> None:
        """Everybody presses in the same moment, while orders fill."""
        presses = list(self.presses(played))
        self.chance.shuffle(presses)
        works: list[Callable[[], Outcome | None]] = []
        for person, press in zip(self.people, presses, strict=False):
            by_api = press.path and person.cookie
            works.append(partial(self.over_the_api if by_api else by_service, person, press))
        protective = [order for order in played.working if order.purpose == OrderPurpose.PROTECTIVE]
        works += [partial(self.fill, self.chance.choice(protective)) for _ in range(FILLS)]
        played.outcomes = [outcome for outcome in at_once(works) if outcome is not None]

    def over_the_api(self, person: Person, press: Press) -> Outcome:
        status, body = post(self.web, person.cookie, press.path, press.body)
        run = str(body.get("id", "")) if "/emergency/" in press.path else ""
        told = body.get("detail") or body.get("waits_for") or body.get("state_reason", "")
        denied = press.what == "approve" and body.get("state") == OrderState.DENIED
        done = status in (200, 201, 202)
        known = "denied" if denied else "done" if done else "refused" if status in REFUSALS else "broken"
        result = "unknown" if status == UNAVAILABLE else known
        return Outcome(person.name, press.what, press.target, "api", result, f"{status} {told}", run if done else "")

    def fill(self, order: Order) -> None:
        """Some of a protective order; too late is fine."""
        row = Order.objects.get(pk=order.pk)
        try:
            self.simulator.control(f"fill {row.client_id} {row.order_id} 3 {row.limit_price}")
        except ControlError:
            return

    # what can be pressed

    def approve(self, order: Order) -> Press:
        def act(person: Person) -> str:
            after = risk.approve_order(order_id=order.pk, user=person.user)
            return "denied" if after.state == OrderState.DENIED else ""

        return Press("approve", str(order.pk), act, f"/api/orders/{order.pk}/approve")

    def reject(self, order: Order) -> Press:
        def act(person: Person) -> str:
            risk.reject_order(order_id=order.pk, user=person.user, reason="a round")
            return ""

        return Press("reject", str(order.pk), act, f"/api/orders/{order.pk}/reject", {"reason": "a round"})

    def cancel(self, order: Order) -> Press:
        def act(person: Person) -> str:
            broker.request_cancel(order_id=order.pk, actor=person.name, reason="a round")
            return ""

        return Press("cancel", str(order.pk), act, f"/api/orders/{order.pk}/cancel", {"reason": "a round"})

    def modify(self, order: Order) -> Press:
        wanted = order.quantity + self.chance.choice([-1, -2, 1])

        def act(person: Person) -> str:
            changes = {"quantity": wanted}
            risk.modify_order(order_id=order.pk, changes=changes, requested_by=person.name, user=person.user)
            return ""

        return Press("modify", str(order.pk), act, f"/api/orders/{order.pk}/modify", {"quantity": str(wanted)})

    def halt(self) -> Press:
        def act(person: Person) -> str:
            return str(risk.halt(scope=Scope.EVERYTHING, reason="a round", user=person.user).run_id)

        return Press("halt", "", act, "/api/emergency/halt", {"reason": "a round"})

    def resume(self) -> Press:
        def act(person: Person) -> str:
            return str(risk.resume(scope=Scope.EVERYTHING, reason="a round", user=person.user, force=True).run.pk)

        return Press("resume", "", act, "/api/emergency/resume", {"reason": "a round", "force": True})

    def close_all(self) -> Press:
        def act(person: Person) -> str:
            asked = risk.close_all(reason="a round", user=person.user)
            carry_on(run_id=asked.run_id)
            return str(asked.run_id)

        return Press("close-all", "", act, "/api/emergency/close-all", {"reason": "a round"})

    def change_limit(self, value: Decimal) -> Press:
        def act(person: Person) -> str:
            user = person.user
            revision = risk.change_limit(name=LimitName.MAX_GROSS_EXPOSURE, value=value, reason="a round", user=user)
            return str(revision.pk)

        return Press("change-limit", str(value), act)

    def approve_limit(self) -> Press:
        def act(person: Person) -> str:
            waiting = LimitRevision.objects.filter(
                name=LimitName.MAX_GROSS_EXPOSURE, state=RevisionState.PENDING
            ).last()
            if waiting is None:
                raise TradeOpsError("No limit waits.")
            return str(risk.approve_limit(revision_id=waiting.pk, user=person.user).pk)

        return Press("approve-limit", "", act)


def by_service(person: Person, press: Press) -> Outcome:
    done = partial(Outcome, person.name, press.what, press.target, "service")
    try:
        run = press.act(person)
    except TradeOpsError as error:
        return done("refused", str(error))
    except Exception as error:
        return done("broken", repr(error))
    return done("denied") if run == "denied" else done("done", "", run)


def at_once(works: list[Callable[[], Outcome | None]]) -> list[Outcome | None]:
    """Each in a thread with a connection of its own, all let go together."""
    start, results = threading.Barrier(len(works)), list[Outcome | None]()

    def run(work: Callable[[], Outcome | None]) -> None:
        try:
            start.wait(60)
            results.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert len(results) == len(works), "somebody got no answer"
    return results


def post(web: WebProcess, cookie: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    """As the browser of somebody who is signed in."""
    headers = {
        "Content-Type": "application/json",
        "Cookie": f"sessionid={cookie}; csrftoken={CSRF}",
        "X-CSRFToken": CSRF,
    }
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=120)
    try:
        connection.request("POST", path, json.dumps(body or {}), headers)
        answer = connection.getresponse()
        found = json.loads(answer.read() or b"{}")
        return answer.status, found if isinstance(found, dict) else {}
    finally:
        connection.close()
