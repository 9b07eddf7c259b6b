"""Orders as the real client writes and reads them: its own encoder and decoder, and orders full of attributes."""

from __future__ import annotations

import math
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import ib_async
from ib_async.client import Client
from ib_async.decoder import Decoder
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from apps.broker.simulator.exchange import Order, OrderRequest
from apps.broker.simulator.exchange.orders import OrderLeg
from apps.broker.simulator.types import Contract

VERSIONS = (157, 158, 159, 160, 162, 163, 166, 169, 170, 176, 177, 178)
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
AAPL = Contract(265598, "AAPL", "STK", "USD", "SMART", local_symbol="AAPL", trading_class="NMS")
PUT = Contract(712345678, "SPY", "OPT", "USD", "SMART", "", "SPY   261218P00640000", "SPY", "20261218", 640.0, "P", 100)
SPREAD = Contract(28812380, "SPY", "BAG", "USD", "SMART", local_symbol="SPY", trading_class="COMB")


class Recorder(Client):
    """ib_async's own client that keeps what it would send."""

    def __init__(self, version: int) -> None:
        self._version = version
        self.sent: list[str] = []

    def isConnected(self) -> bool:
        return True

    def serverVersion(self) -> int:
        return self._version

    def sendMsg(self, msg: str) -> None:
        self.sent.append(msg)


class Heard:
    """Takes the calls ib_async's decoder makes."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.ib = SimpleNamespace(TimezoneTWS="")
        self.defaultTimezone = UTC

    def __getattr__(self, name: str) -> Any:
        return lambda *values: self.calls.append((name, values))


def wire(version: int, contract: ib_async.Contract, order: ib_async.Order, order_id: int = 7) -> list[str]:
    client = Recorder(version)
    client.placeOrder(order_id, contract, order)
    return client.sent[0].split("\0")[:-1]


def read(version: int, message: list[str]) -> tuple[Any, ...]:
    heard = Heard()
    decoder = Decoder(heard, version)
    handler = decoder.handlers[int(message[0])]
    handler(list(message))
    ((_, values),) = heard.calls
    return values


def gateway_order(request: OrderRequest, contract: Contract) -> Order:
    return Order(
        request=request,
        contract=contract,
        legs=(OrderLeg(contract, 1),),
        perm_id=1_234_567_890,
        account=request.account,
        placed_at=NOW,
        client_id=11,
        order_id=request.order_id,
        status="Submitted",
        oca_group=request.oca_group,
        oca_type=request.oca_type,
    )


def full_order(**changes: Any) -> ib_async.Order:
    """Every attribute that a plain order may carry differs from its default."""
    order = ib_async.Order(
        action="SELL",
        totalQuantity=300.0,
        orderType="LMT",
        lmtPrice=101.25,
        auxPrice=99.5,
        tif="GTC",
        ocaGroup="group-1",
        ocaType=2,
        orderRef="6f1c-uuid",
        transmit=False,
        parentId=3,
        blockOrder=True,
        sweepToFill=True,
        displaySize=50,
        triggerMethod=2,
        outsideRth=True,
        hidden=True,
        goodAfterTime="20261120 16:00:00 US/Eastern",
        goodTillDate="20261231 16:00:00 US/Eastern",
        rule80A="I",
        allOrNone=True,
        minQty=10,
        percentOffset=0.02,
        trailStopPrice=98.75,
        trailingPercent=1.5,
        faGroup="desk",
        faMethod="NetLiq",
        faPercentage="10",
        designatedLocation="here",
        openClose="C",
        origin=1,
        shortSaleSlot=2,
        exemptCode=3,
        discretionaryAmt=0.15,
        eTradeOnly=True,
        firmQuoteOnly=True,
        nbboPriceCap=102.5,
        optOutSmartRouting=True,
        auctionStrategy=1,
        startingPrice=100.5,
        stockRefPrice=100.25,
        delta=0.5,
        stockRangeLower=95.5,
        stockRangeUpper=105.5,
        randomizePrice=True,
        randomizeSize=True,
        volatilityType=2,
        continuousUpdate=True,
        referencePriceType=1,
        scaleInitLevelSize=100,
        scaleSubsLevelSize=50,
        scalePriceIncrement=0.25,
        scalePriceAdjustValue=0.05,
        scalePriceAdjustInterval=60,
        scaleProfitOffset=0.5,
        scaleAutoReset=True,
        scaleInitPosition=20,
        scaleInitFillQty=5,
        scaleRandomPercent=True,
        hedgeType="B",
        hedgeParam="1.2",
        account="DU1234567",
        settlingFirm="firm",
        clearingAccount="clear",
        clearingIntent="IB",
        algoStrategy="Adaptive",
        algoParams=[ib_async.TagValue("adaptivePriority", "Patient")],
        notHeld=True,
        solicited=True,
        modelCode="model",
        adjustedOrderType="STP",
        triggerPrice=97.5,
        adjustedStopPrice=96.5,
        adjustedStopLimitPrice=96.25,
        adjustedTrailingAmount=0.75,
        adjustableTrailingUnit=1,
        lmtPriceOffset=0.1,
        conditions=all_conditions(),
        conditionsCancelOrder=True,
        conditionsIgnoreRth=True,
        softDollarTier=ib_async.SoftDollarTier("tier", "value", ""),
        cashQty=5000.5,
        dontUseAutoPriceForHedge=True,
        isOmsContainer=True,
        discretionaryUpToLimitPrice=True,
        autoCancelParent=True,
        usePriceMgmtAlgo=True,
        duration=30,
        postToAts=5,
    )
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def all_conditions() -> list[ib_async.OrderCondition]:
    return [
        ib_async.PriceCondition(1, "a", True, 101.5, 265598, "SMART", 2),
        ib_async.TimeCondition(3, "o", False, "20261120 16:00:00 US/Eastern"),
        ib_async.MarginCondition(4, "a", True, 30),
        ib_async.ExecutionCondition(5, "o", "STK", "SMART", "AAPL"),
        ib_async.VolumeCondition(6, "a", False, 1000, 265598, "SMART"),
        ib_async.PercentChangeCondition(7, "a", True, 2.5, 265598, "SMART"),
    ]


def delta_neutral() -> dict[str, Any]:
    return {
        "orderType": "VOL",
        "volatility": 0.22,
        "deltaNeutralOrderType": "LMT",
        "deltaNeutralAuxPrice": 1.25,
        "deltaNeutralConId": 756733,
        "deltaNeutralSettlingFirm": "firm2",
        "deltaNeutralClearingAccount": "clear2",
        "deltaNeutralClearingIntent": "Away",
        "deltaNeutralOpenClose": "O",
        "deltaNeutralShortSale": True,
        "deltaNeutralShortSaleSlot": 1,
        "deltaNeutralDesignatedLocation": "there",
    }


BENCHMARK = {
    "orderType": "PEG BENCH",
    "referenceContractId": 756733,
    "isPeggedChangeAmountDecrease": True,
    "peggedChangeAmount": 0.3,
    "referenceChangeAmount": 0.4,
    "referenceExchangeId": "ISLAND",
}
COMPETE_WITH_OFFSETS = {
    "orderType": "PEG BEST",
    "minCompeteSize": 200,
    "competeAgainstBestOffset": math.inf,
    "midOffsetAtWhole": 0.01,
    "midOffsetAtHalf": 0.005,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "limit": {},
    "pegged to benchmark": BENCHMARK,
    "pegged to midpoint": {"orderType": "PEG MID", "midOffsetAtWhole": 0.01, "midOffsetAtHalf": 0.005},
    "pegged to best": {"orderType": "PEG BEST", "minCompeteSize": 200, "competeAgainstBestOffset": 0.02},
    "pegged to best with offsets": COMPETE_WITH_OFFSETS,
    "volatility": delta_neutral(),
    "no scale": {
        "scalePriceIncrement": UNSET_DOUBLE,
        "scalePriceAdjustValue": UNSET_DOUBLE,
        "scalePriceAdjustInterval": UNSET_INTEGER,
        "scaleProfitOffset": UNSET_DOUBLE,
        "scaleAutoReset": False,
        "scaleInitPosition": UNSET_INTEGER,
        "scaleInitFillQty": UNSET_INTEGER,
        "scaleRandomPercent": False,
    },
    "no extras": {
        "hedgeType": "",
        "hedgeParam": "",
        "algoStrategy": "",
        "algoParams": [],
        "conditions": [],
        "conditionsCancelOrder": False,
        "conditionsIgnoreRth": False,
    },
}
# An answer has them only from a later version on, or never.
SINCE_ANSWER = {
    "duration": 159,
    "postToAts": 160,
    "autoCancelParent": 162,
    "minTradeQty": 170,
    "minCompeteSize": 170,
    "competeAgainstBestOffset": 170,
    "midOffsetAtWhole": 170,
    "midOffsetAtHalf": 170,
}
SET_BY_GATEWAY = {"orderId", "clientId", "permId"}
NOT_IN_OPEN_ORDER = {
    "transmit",
    "activeStartTime",
    "activeStopTime",
    "overridePercentageConstraints",
    "scaleTable",
    "algoId",
    "orderMiscOptions",
    "extOperator",
    "mifid2DecisionMaker",
    "mifid2DecisionAlgo",
    "mifid2ExecutionTrader",
    "mifid2ExecutionAlgo",
    "advancedErrorOverride",
    "manualOrderTime",
    "faProfile",
}
NOT_IN_COMPLETED = {
    *NOT_IN_OPEN_ORDER,
    "auctionStrategy",
    "blockOrder",
    "eTradeOnly",
    "firmQuoteOnly",
    "nbboPriceCap",
    "parentId",
    "optOutSmartRouting",
    "triggerPrice",
    "adjustedOrderType",
    "adjustedStopPrice",
    "adjustedStopLimitPrice",
    "adjustedTrailingAmount",
    "adjustableTrailingUnit",
    "softDollarTier",
    "discretionaryUpToLimitPrice",
    "usePriceMgmtAlgo",
    "duration",
    "postToAts",
    "whatIf",
    "deltaNeutralSettlingFirm",
    "deltaNeutralClearingAccount",
    "deltaNeutralClearingIntent",
    "deltaNeutralOpenClose",
}


def differences(sent: ib_async.Order, got: ib_async.Order, version: int, ignored: set[str]) -> dict[str, Any]:
    late = {name for name, since in SINCE_ANSWER.items() if version < since}
    if sent.volatility is None:  # the client clears it itself unless it is a volatility order
        sent.volatility = UNSET_DOUBLE
    return {
        field.name: (getattr(sent, field.name), getattr(got, field.name))
        for field in dataclass_fields(ib_async.Order)
        if field.name not in ignored | late | SET_BY_GATEWAY and getattr(sent, field.name) != getattr(got, field.name)
    }


def stock() -> ib_async.Contract:
    return ib_async.Contract(secType="STK", conId=265598, symbol="AAPL", exchange="SMART", currency="USD")


def spread() -> ib_async.Contract:
    legs = [ib_async.ComboLeg(1001, 1, "BUY", "SMART", 1, 2, "x", 3), ib_async.ComboLeg(1002, 2, "SELL", "CBOE")]
    return ib_async.Contract(secType="BAG", symbol="SPY", exchange="SMART", currency="USD", comboLegs=legs)
