"""The order codec against the real client: its own encoder writes the orders, its own decoder reads them back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from decimal import Decimal

import ib_async
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.util import UNSET_DOUBLE

from apps.broker.simulator.exchange import CommissionReport, Execution
from apps.broker.simulator.exchange.orders import Charge, Margins, WhatIf
from apps.broker.simulator.protocol import orders as codec
from apps.broker.simulator.types import RequestError

from .order_support import (
    AAPL,
    COMPETE_WITH_OFFSETS,
    NOT_IN_COMPLETED,
    NOT_IN_OPEN_ORDER,
    NOW,
    PUT,
    SET_BY_GATEWAY,
    SINCE_ANSWER,
    SPREAD,
    VARIANTS,
    VERSIONS,
    differences,
    full_order,
    gateway_order,
    read,
    spread,
    stock,
    wire,
)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_open_order_returns_every_attribute_sent(version: int, variant: str) -> None:
    sent = full_order(**VARIANTS[variant])
    request = codec.decode_place_order(wire(version, stock(), sent), version, 11)

    message = codec.encode_open_order(gateway_order(request, AAPL), version, 11)
    order_id, contract, got, state = read(version, message)

    assert differences(sent, got, version, NOT_IN_OPEN_ORDER) == {}
    assert (order_id, got.clientId, got.permId, state.status) == (7, 11, 1_234_567_890, "Submitted")
    assert (contract.conId, contract.symbol, contract.exchange) == (265598, "AAPL", "SMART")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_completed_order_returns_the_attributes_it_has(version: int, variant: str) -> None:
    sent = full_order(**VARIANTS[variant])
    request = codec.decode_place_order(wire(version, stock(), sent), version, 11)
    order = gateway_order(request, AAPL)
    order.status, order.completed_at, order.reason = "Cancelled", NOW, "Cancelled: by the client"

    _, got, state = read(version, codec.encode_completed_order(order, version))

    missing = {"autoCancelParent"} if version < 162 else set()  # the client does not send it yet
    ignored = NOT_IN_COMPLETED | missing | {"filledQuantity", "parentPermId"}
    late = dict(SINCE_ANSWER, autoCancelParent=0)
    assert {k: v for k, v in differences(sent, got, version, ignored).items() if version >= late.get(k, 0)} == {}
    assert (state.status, state.completedStatus) == ("Cancelled", "Cancelled: by the client")
    assert state.completedTime == "20261120 10:30:00 US/Eastern"
    assert (got.orderId, got.filledQuantity) == (0, 0.0)


@pytest.mark.parametrize("version", VERSIONS)
def test_combo_returns_legs_prices_and_routing(version: int) -> None:
    sent = full_order(
        orderComboLegs=[ib_async.OrderComboLeg(1.25), ib_async.OrderComboLeg()],
        smartComboRoutingParams=[ib_async.TagValue("NonGuaranteed", "1")],
    )
    request = codec.decode_place_order(wire(version, spread(), sent), version)
    order = gateway_order(request, SPREAD)

    for message in (codec.encode_open_order(order, version, 11), codec.encode_completed_order(order, version)):
        values = read(version, message)
        contract = next(value for value in values if isinstance(value, ib_async.Contract))
        got = next(value for value in values if isinstance(value, ib_async.Order))
        assert contract.comboLegs == spread().comboLegs
        assert contract.comboLegsDescrip == "1001|1,1002|-2"
        assert got.orderComboLegs == sent.orderComboLegs
        assert got.smartComboRoutingParams == sent.smartComboRoutingParams


@pytest.mark.parametrize("version", VERSIONS)
def test_delta_neutral_contract_travels_back(version: int) -> None:
    neutral = ib_async.DeltaNeutralContract(756733, 0.5, 682.25)
    contract = stock()
    contract.deltaNeutralContract = neutral
    request = codec.decode_place_order(wire(version, contract, full_order()), version)

    _, got, _, _ = read(version, codec.encode_open_order(gateway_order(request, AAPL), version, 11))

    assert got.deltaNeutralContract == neutral


def test_destination_for_small_trades_carries_its_quantity() -> None:
    contract = stock()
    contract.exchange = "IBKRATS"
    request = codec.decode_place_order(wire(178, contract, full_order(minTradeQty=25)), 178)

    _, _, got, _ = read(178, codec.encode_open_order(gateway_order(request, AAPL), 178, 11))

    assert got.minTradeQty == 25


def test_attributes_that_do_not_travel_back_are_kept() -> None:
    sent = full_order(
        scaleTable="table",
        algoId="algo",
        extOperator="me",
        mifid2DecisionMaker="dm",
        advancedErrorOverride="8229",
        manualOrderTime="20261120-15:00:00",
        activeStartTime="a",
        activeStopTime="b",
        overridePercentageConstraints=True,
        orderMiscOptions=[ib_async.TagValue("x", "1")],
    )
    raw = codec.decode_place_order(wire(178, stock(), sent), 178).raw

    wanted = {
        "scaleTable": "table",
        "algoId": "algo",
        "extOperator": "me",
        "mifid2DecisionMaker": "dm",
        "advancedErrorOverride": "8229",
        "manualOrderTime": "20261120-15:00:00",
        "activeStartTime": "a",
        "activeStopTime": "b",
        "overridePercentageConstraints": "1",
        "orderMiscOptions": "x=1;",
    }
    assert {name: raw[name] for name in wanted} == wanted


def test_typed_attributes_are_understood() -> None:
    request = codec.decode_place_order(wire(178, stock(), full_order()), 178, 11)

    assert (request.client_id, request.order_id, request.query.con_id) == (11, 7, 265598)
    assert (request.action, request.quantity, request.order_type) == ("SELL", Decimal(300), "LMT")
    assert (request.limit_price, request.aux_price, request.trail_stop_price) == (101.25, 99.5, 98.75)
    assert (request.tif, request.account, request.order_ref) == ("GTC", "DU1234567", "6f1c-uuid")
    assert (request.oca_group, request.oca_type, request.parent_id, request.transmit) == ("group-1", 2, 3, False)
    assert [condition.kind for condition in request.conditions] == [1, 3, 4, 5, 6, 7]


def test_unset_prices_are_unset_however_the_client_spells_them() -> None:
    message = wire(157, stock(), ib_async.MarketOrder("BUY", 10))
    position = message.index("MKT") + 1
    for spelling in ("", "1.7976931348623157E308", "1.7976931348623157e+308"):
        message[position] = spelling
        assert codec.decode_place_order(message, 157).limit_price is None


def test_empty_time_in_force_means_day() -> None:
    assert codec.decode_place_order(wire(178, stock(), ib_async.MarketOrder("BUY", 10)), 178).tif == "DAY"


def test_what_if_answer_carries_margins_and_commission() -> None:
    request = codec.decode_place_order(wire(178, stock(), full_order(whatIf=True)), 178)
    order = gateway_order(request, AAPL)
    before = Margins(Decimal("1000.10"), Decimal("900.05"), Decimal("50000"))
    after = Margins(Decimal("1500.35"), Decimal("1350.30"), Decimal("49998.99"))
    order.what_if = WhatIf(before, after, Decimal("1.01"), "USD")

    _, _, got, state = read(178, codec.encode_open_order(order, 178, 11))

    assert got.whatIf
    assert (state.initMarginBefore, state.initMarginChange, state.initMarginAfter) == ("1000.1", "500.25", "1500.35")
    assert (state.maintMarginChange, state.equityWithLoanChange) == ("450.25", "-1.01")
    assert (state.commission, state.commissionCurrency) == (1.01, "USD")


def test_completed_filled_order_has_its_amount_only_in_filled_quantity() -> None:
    request = codec.decode_place_order(wire(178, stock(), full_order()), 178)
    order = gateway_order(request, AAPL)
    order.status, order.filled, order.completed_at = "Filled", Decimal(300), NOW

    _, got, state = read(178, codec.encode_completed_order(order, 178))

    assert (got.totalQuantity, got.filledQuantity, state.status) == (0.0, 300.0, "Filled")


def test_untransmitted_order_is_listed_as_inactive() -> None:
    order = gateway_order(codec.decode_place_order(wire(178, stock(), full_order()), 178), AAPL)
    order.transmitted = False

    assert read(178, codec.encode_open_order(order, 178, 11))[3].status == "Inactive"
    assert codec.encode_order_status(order, 11)[2] == "Inactive"


@pytest.mark.parametrize(("for_client", "shown"), [(0, -3), (5, 0)])
def test_order_by_hand_has_its_id_only_for_client_zero(for_client: int, shown: int) -> None:
    order = gateway_order(codec.decode_place_order(wire(178, stock(), full_order()), 178), AAPL)
    order.client_id, order.order_id = 0, -3

    assert read(178, codec.encode_open_order(order, 178, for_client))[0] == shown
    assert codec.encode_order_status(order, for_client)[1] == str(shown)


def test_order_status_is_read_back() -> None:
    order = gateway_order(codec.decode_place_order(wire(178, stock(), full_order(parentId=3)), 178), AAPL)
    order.filled, order.average_fill_price, order.last_fill_price = Decimal(100), 101.3, 101.35
    order.status, order.why_held = "PreSubmitted", "child"

    values = read(178, codec.encode_order_status(order, 11))

    assert values[:10] == (7, "PreSubmitted", 100.0, 200.0, 101.3, 1_234_567_890, 3, 101.35, 11, "child")


@pytest.mark.parametrize("version", [157, 178])
def test_execution_is_read_back(version: int) -> None:
    execution = Execution(
        "00025b46.6737a1b2.01.01",
        7,
        11,
        99,
        PUT,
        NOW,
        "DU1234567",
        "CBOE",
        "SLD",
        Decimal(2),
        4.35,
        Decimal(3),
        4.3,
        "uuid",
        "model",
        1,
    )

    request_id, contract, got = read(version, codec.encode_execution(execution, -1, version, 7))

    assert (request_id, got.execId, got.orderId, got.clientId, got.permId) == (-1, execution.exec_id, 7, 11, 99)
    assert (got.side, got.shares, got.price, got.cumQty, got.avgPrice) == ("SLD", 2.0, 4.35, 3.0, 4.3)
    assert (got.time, got.orderRef, got.modelCode, got.lastLiquidity) == (NOW, "uuid", "model", 1)
    assert (got.acctNumber, got.exchange) == ("DU1234567", "CBOE")
    assert (contract.conId, contract.strike, contract.right, contract.multiplier) == (712345678, 640.0, "P", "100")


@pytest.mark.parametrize(("realized", "read_as"), [(Decimal("-12.34"), -12.34), (None, UNSET_DOUBLE)])
def test_commission_report_is_read_back(realized: Decimal | None, read_as: float) -> None:
    report = CommissionReport("00025b46.6737a1b2.01.01", Decimal("1.30"), "USD", realized)

    (got,) = read(178, codec.encode_commission_report(report))

    assert (got.execId, got.commission, got.currency, got.realizedPNL) == (report.exec_id, 1.3, "USD", read_as)


def test_sizes_have_no_decimal_point() -> None:
    order = gateway_order(codec.decode_place_order(wire(178, stock(), full_order()), 178), AAPL)
    order.charges[1] = Charge()

    assert codec.encode_open_order(order, 178, 11)[14] == "300"
    assert codec.encode_order_status(order, 11)[3:5] == ["0", "300"]


def broken_messages() -> Iterator[list[str]]:
    whole = wire(178, spread(), full_order(**COMPETE_WITH_OFFSETS))
    for end in range(len(whole)):
        yield whole[:end]
    for position in range(len(whole)):
        for nonsense in ("x", "-1", "1e999", "nan", "99999999999999999999", "Infinite", "\x00", "1.5"):
            yield [*whole[:position], nonsense, *whole[position + 1 :]]


def test_malformed_place_order_raises_nothing_but_request_error() -> None:
    codes = set()
    for message in broken_messages():
        try:
            codec.decode_place_order(message, 178)
        except RequestError as error:
            codes.add(error.code)
    assert codes == {320, 321}


@settings(max_examples=300)
@given(st.lists(st.one_of(st.text(max_size=8), st.integers().map(str), st.floats().map(str)), max_size=160))
def test_random_place_order_raises_nothing_but_request_error(fields: list[str]) -> None:
    with pytest.raises(RequestError):
        codec.decode_place_order(["3", "1", *fields, "end"], 178)


def test_the_variants_cover_every_attribute() -> None:
    """Guards the tests above: an attribute left at its default would prove nothing."""
    unset = ib_async.Order()
    orders = [full_order(**changes) for changes in VARIANTS.values()]
    orders.append(full_order(minTradeQty=25, whatIf=True))
    answered_only = {
        "basisPoints",
        "basisPointsType",
        "autoCancelDate",
        "filledQuantity",
        "refFuturesConId",
        "shareholder",
        "imbalanceOnly",
        "routeMarketableToBbo",
        "parentPermId",
    }
    combos_only = {"orderComboLegs", "smartComboRoutingParams"}
    untouched = {
        field.name
        for field in dataclass_fields(ib_async.Order)
        if all(getattr(order, field.name) == getattr(unset, field.name) for order in orders)
    }
    assert untouched - {"transmit"} == SET_BY_GATEWAY | (NOT_IN_OPEN_ORDER - {"transmit"}) | answered_only | combos_only
