"""The changes an exchange reports add up to the whole of it, whatever was done."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import ib_async
import pytest

from apps.broker.simulator import state_file
from apps.broker.simulator.exchange import ExchangeState, Order, OrderRequest
from apps.broker.simulator.market import MarketState
from apps.broker.simulator.plain import Unpacker, pack
from apps.broker.simulator.protocol import orders as codec
from apps.broker.simulator.state import KeptState
from apps.broker.simulator.state_file import StateFile
from apps.broker.simulator.types import Query, RequestError

from .exchange_support import Floor
from .order_support import VARIANTS, VERSIONS, full_order, spread, stock, wire

ACCOUNTS = ("DU1", "DU2")
LATE = datetime(2026, 11, 21, 4, 59, 30, tzinfo=UTC)  # half a minute before the day ends in New York
HEADER = {"format": "test"}


class Twin:
    """A floor, and all changes it has reported."""

    def __init__(self, *accounts: str, start: datetime = LATE) -> None:
        self.floor = Floor(*accounts, start=start)
        self._accounts = accounts
        self._states = MarketState(self.floor.market), ExchangeState(self.floor.exchange)
        self._values: dict[str, Any] = {}

    def report(self) -> dict[str, Any]:
        changes: dict[str, Any] = json.loads(json.dumps(self._states[0].changes() | self._states[1].changes()))
        self._values |= changes
        self._values = {key: value for key, value in self._values.items() if value is not None}
        return changes

    def restored(self, later: timedelta = timedelta(0)) -> Floor:
        """A new floor that knows what was reported until now."""
        self.report()
        other = Floor(*self._accounts, start=self.floor.market.now() + later)
        MarketState(other.market).restore(self._values)
        ExchangeState(other.exchange).restore(self._values)
        return other


def everything(floor: Floor) -> dict[str, Any]:
    return MarketState(floor.market).everything() | ExchangeState(floor.exchange).everything()


def families(floor: Floor) -> dict[int, list[int]]:
    orders = floor.exchange.open_orders()
    return {order.perm_id: [child.perm_id for child in order.children if child.is_working] for order in orders}


# --- random trading


class Chance:
    def __init__(self, floor: Floor, seed: int) -> None:
        self.floor = floor
        self.dice = random.Random(seed)
        self.actions: tuple[Callable[[], object], ...] = (
            *(self.trade, self.limit, self.bracket, self.trail, self.spread, self.modify, self.cancel, self.fill),
            *(self.tick, self.tick, self.price, self.by_hand, self.correct, self.rarely),
        )

    def act(self) -> None:
        try:
            self.dice.choice(self.actions)()
        except RequestError:
            self.floor.heard.clear()

    def place(self, action: str, order_type: str, **terms: Any) -> Order | None:
        client_id = terms.setdefault("client_id", self.dice.choice((1, 2)))
        order_id = self.floor.exchange.next_order_id(client_id)
        terms.setdefault("account", self.dice.choice(ACCOUNTS))
        quantity = terms.pop("quantity", self.dice.randint(1, 20))
        return self.floor.place(order_id, action, quantity, order_type, **terms)

    def side(self) -> str:
        return self.dice.choice(("BUY", "SELL"))

    def trade(self) -> None:
        self.place(self.side(), "MKT", symbol=self.dice.choice(("AAPL", "MSFT", "XLE")))

    def limit(self) -> None:
        price = self.dice.choice((100.0, 250.0, 400.0))
        tif = self.dice.choice(("DAY", "GTC", "IOC"))
        self.place(self.side(), "LMT", limit_price=price, tif=tif, oca_group=self.dice.choice(("", "", "pair")))

    def bracket(self) -> None:
        account, client_id = self.dice.choice(ACCOUNTS), self.dice.choice((1, 2))
        common = {"account": account, "client_id": client_id, "quantity": 5, "tif": "GTC"}
        limit = self.dice.choice((100.0, 400.0))
        parent = self.place("BUY", "LMT", limit_price=limit, transmit=False, **common)
        if parent:
            family = {**common, "parent_id": parent.order_id}
            self.place("SELL", "LMT", limit_price=500.0, transmit=False, **family)
            self.place("SELL", "STP", aux_price=50.0, transmit=self.dice.random() < 0.8, **family)

    def trail(self) -> None:
        self.place("SELL", "TRAIL", trailing_percent=self.dice.choice((0.01, 5.0)))

    def spread(self) -> None:
        put = next(each.contract for each in self.floor.exchange.positions("DU1") if each.contract.right == "P")
        other = self.floor.market.find(
            Query(
                symbol=put.symbol, sec_type="OPT", expiry=put.expiry, strike=put.strike - 5, right="P", exchange="SMART"
            )
        )[0]
        self.place("BUY", "MKT", **self.floor.put_spread(put, other), quantity=1)

    def working(self) -> Order:
        found = self.floor.exchange.open_orders()
        if not found:
            raise RequestError(0, "nothing works")
        return self.dice.choice(found)

    def modify(self) -> None:
        order = self.working()
        terms = {"limit_price": self.dice.choice((101.0, 300.0)), "parent_id": order.request.parent_id}
        if order.request.order_type == "LMT" and order.order_id > 0:
            quantity = order.request.quantity + self.dice.randint(0, 3)
            terms |= {"client_id": order.client_id, "account": order.account, "transmit": order.transmitted}
            self.floor.place(order.order_id, order.request.action, quantity, "LMT", **terms)

    def cancel(self) -> None:
        self.floor.exchange.cancel_by_perm_id(self.working().perm_id)

    def fill(self) -> None:
        order = self.working()
        self.floor.exchange.fill(order.client_id, order.order_id, Decimal(1), self.dice.uniform(90, 300))

    def tick(self) -> None:
        self.floor.tick(self.dice.randint(1, 5))

    def price(self) -> None:
        self.floor.move(self.dice.choice(("AAPL", "SPY")), self.dice.uniform(150, 450))

    def by_hand(self) -> None:
        exchange = self.floor.exchange
        if self.dice.random() < 0.5:
            exchange.manual_trade("XLE", self.side(), Decimal(3))
        else:
            exchange.manual_order("XLE", "BUY", Decimal(3), 20.0)
        if self.dice.random() < 0.5:
            exchange.bind_manual()

    def correct(self) -> None:
        done = self.floor.exchange.executions()
        if done:
            execution = self.dice.choice(done)[0]
            shares = self.dice.choice((None, execution.shares + 1))
            self.floor.exchange.correct_execution(execution.exec_id, round(execution.price * 1.01, 2), shares)

    def rarely(self) -> None:
        exchange, chance = self.floor.exchange, self.dice.random()
        if chance < 0.2:
            exchange.reset_order_ids()
        elif chance < 0.3:
            exchange.global_cancel()
        elif chance < 0.4:
            exchange.end_day()
        elif chance < 0.6:
            exchange.reject_next(1)
        elif chance < 0.8:
            exchange.fill_chunk = self.dice.choice((None, 3))
        else:
            self.floor.market.halt("MSFT", self.dice.random() < 0.5)


@pytest.mark.parametrize("seed", range(8))
def test_reported_changes_make_the_same_exchange_again(seed: int) -> None:
    twin = Twin(*ACCOUNTS)
    chance = Chance(twin.floor, seed)
    for step in range(200):
        chance.act()
        twin.report()
        if step % 50 == 49:
            other = twin.restored()
            assert everything(other) == everything(twin.floor)
            assert families(other) == families(twin.floor)
            assert other.exchange.executions() == twin.floor.exchange.executions()


# --- single things


def test_nothing_is_reported_when_nothing_has_changed() -> None:
    twin = Twin("DU1")
    twin.floor.place(1, "BUY", 10)
    twin.floor.place(2, "BUY", 10, "LMT", limit_price=100.0)
    assert twin.report()
    assert twin.report() == {}


def test_an_order_that_does_not_fill_reports_itself_alone() -> None:
    twin = Twin("DU1")
    twin.floor.place(1, "BUY", 10)
    twin.report()
    order = twin.floor.place(2, "BUY", 10, "LMT", limit_price=100.0)
    assert order
    assert set(twin.report()) == {f"order/{order.perm_id}", "counters", "order-ids"}


def test_closed_line_is_gone_the_next_day() -> None:
    twin = Twin("DU1")
    held = twin.floor.held("XLE", "DU1")
    twin.floor.place(1, "SELL", held, symbol="XLE")
    twin.report()
    twin.floor.exchange.end_day()
    con_id = twin.floor.contract("XLE").con_id
    assert twin.report()[f"holding/DU1/{con_id}"] is None
    assert twin.restored().exchange.position("DU1", con_id) is None


def test_restored_exchange_begins_the_day_that_came_meanwhile() -> None:
    twin = Twin("DU1")
    twin.floor.place(1, "BUY", 10)
    twin.floor.place(2, "BUY", 10, "LMT", limit_price=100.0)
    twin.floor.place(3, "BUY", 10, "LMT", limit_price=100.0, tif="GTC")
    assert twin.floor.exchange.pnl("DU1").daily != 0

    other = twin.restored(later=timedelta(days=3)).exchange
    assert (other.executions(), other.pnl("DU1").daily) == ([], 0)
    other.on_market_change(frozenset())
    assert [order.order_id for order in other.open_orders()] == [3]
    assert [order.order_id for order in other.completed_orders()] == [2]


def test_what_is_over_is_not_written_again() -> None:
    twin = Twin("DU1")
    twin.floor.place(1, "BUY", 10)
    parent = twin.floor.place(2, "BUY", 10, transmit=False)
    child = twin.floor.place(3, "SELL", 10, "LMT", limit_price=900.0, parent_id=2, tif="GTC")
    assert parent and child
    later = twin.restored(later=timedelta(days=1))
    kept = ExchangeState(later.exchange).everything()
    orders = {key for key in kept if key.startswith("order/")}
    assert orders == {f"order/{parent.perm_id}", f"order/{child.perm_id}"}
    assert not [key for key in kept if key.startswith("execution/")]


def test_ids_given_back_are_free_after_a_restart_too() -> None:
    twin = Twin("DU1")
    twin.floor.place(7, "BUY", 1)
    twin.floor.exchange.reset_order_ids()
    other = twin.restored()
    assert other.exchange.next_order_id(1) == 1
    other.place(7, "BUY", 1)
    assert other.heard.codes() == []
    assert [order.order_id for order in other.exchange.completed_orders()] == [7, 7]


def survives(version: int, contract: ib_async.Contract, order: ib_async.Order) -> bool:
    request = codec.decode_place_order(wire(version, contract, order), version, 11)
    packed = json.loads(json.dumps(pack(request)))
    unpacker = Unpacker(lambda _: pytest.fail("a request has no contract of the market"))
    return bool(unpacker.unpack(OrderRequest, packed) == request)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_attribute_of_an_order_survives(version: int, variant: str) -> None:
    assert survives(version, stock(), full_order(**VARIANTS[variant]))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_attribute_of_a_combo_order_survives(version: int) -> None:
    legs = [ib_async.OrderComboLeg(1.25), ib_async.OrderComboLeg()]
    routing = [ib_async.TagValue("NonGuaranteed", "1")]
    assert survives(version, spread(), full_order(orderComboLegs=legs, smartComboRoutingParams=routing))


@pytest.mark.parametrize("version", VERSIONS)
def test_delta_neutral_contract_survives(version: int) -> None:
    contract = stock()
    contract.deltaNeutralContract = ib_async.DeltaNeutralContract(756733, 0.5, 682.25)
    assert survives(version, contract, full_order())


# --- the file


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StateFile]:
    opened = StateFile(tmp_path / "state.json")
    yield opened
    opened.close()


def test_file_knows_the_last_value_of_everything(file: StateFile) -> None:
    file.rewrite(HEADER, {"a": 1, "b": 2})
    file.append({"a": 3, "c": [1, None]})
    file.append({"b": None})
    assert file.read() == (HEADER, {"a": 3, "c": [1, None]})


def test_file_that_does_not_exist_is_no_state(file: StateFile) -> None:
    assert file.read() is None


def test_failed_rewrite_leaves_the_file_as_it_was(file: StateFile) -> None:
    file.rewrite(HEADER, {"a": 1})
    file.path.with_name(file.path.name + ".new").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        file.rewrite(HEADER, {"a": 2})
    file.append({"b": 2})
    assert file.read() == (HEADER, {"a": 1, "b": 2})


async def test_file_that_has_grown_is_rewritten(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "LEAST_GROWTH", 50_000)
    floor = Floor("DU1")
    kept = KeptState(file, HEADER, floor.market, floor.exchange)
    sizes = []
    for number in range(1, 200):
        floor.place(number, "BUY", 1, "LMT", limit_price=100.0)
        floor.exchange.cancel(1, number)
        kept.record()
        floor.exchange.manual_trade("AAPL", "BUY", Decimal(1))
        kept.record()
        sizes.append(file.path.stat().st_size)
    found = file.read()
    assert found
    assert found[1] == json.loads(json.dumps(everything(floor)))
    assert any(after < before for before, after in pairwise(sizes))
