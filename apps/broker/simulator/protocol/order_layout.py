"""The order of an order's attributes in placeOrder, openOrder and completedOrder. Names are IB's."""

from __future__ import annotations


def _names(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# How an attribute is spelled: i whole number, f number, b 0 or 1, q quantity; anything else is text.
_KINDS = {
    "i": """origin parentId displaySize triggerMethod shortSaleSlot exemptCode ocaType minQty auctionStrategy
        volatilityType deltaNeutralConId deltaNeutralShortSaleSlot referencePriceType basisPointsType
        scaleInitLevelSize scaleSubsLevelSize scalePriceAdjustInterval scaleInitPosition scaleInitFillQty
        referenceContractId adjustableTrailingUnit duration postToAts minTradeQty minCompeteSize
        refFuturesConId""",
    "f": """lmtPrice auxPrice discretionaryAmt percentOffset nbboPriceCap startingPrice stockRefPrice delta
        stockRangeLower stockRangeUpper volatility deltaNeutralAuxPrice trailStopPrice trailingPercent basisPoints
        scalePriceIncrement scalePriceAdjustValue scaleProfitOffset peggedChangeAmount referenceChangeAmount
        triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount cashQty
        competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf""",
    "b": """transmit blockOrder sweepToFill outsideRth hidden allOrNone eTradeOnly firmQuoteOnly
        overridePercentageConstraints deltaNeutralShortSale continuousUpdate scaleAutoReset scaleRandomPercent
        optOutSmartRouting notHeld whatIf solicited randomizeSize randomizePrice isPeggedChangeAmountDecrease
        conditionsIgnoreRth conditionsCancelOrder dontUseAutoPriceForHedge isOmsContainer
        discretionaryUpToLimitPrice usePriceMgmtAlgo autoCancelParent imbalanceOnly routeMarketableToBbo""",
    "q": "totalQuantity",
}
KIND = {name: kind for kind, names in _KINDS.items() for name in names.split()}

PEG_BENCH = frozenset({"PEG BENCH", "PEGBENCH"})
PEG_BEST = frozenset({"PEG BEST", "PEGBEST"})
PEG_MID = frozenset({"PEG MID", "PEGMID"})
CONDITION_FIELDS = {1: 6, 3: 3, 4: 3, 5: 4, 6: 5, 7: 5}  # fields after the kind

BENCHMARK = _names(
    "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount referenceExchangeId"
)
DELTA_NEUTRAL_ORDER = _names(
    """deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent
    deltaNeutralOpenClose deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"""
)
SCALE = _names(
    """scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset scaleInitPosition
    scaleInitFillQty scaleRandomPercent"""
)
MID_OFFSETS = ("midOffsetAtWhole", "midOffsetAtHalf")

# placeOrder
PLACE_MAIN = _names(
    """action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef transmit parentId
    blockOrder sweepToFill displaySize triggerMethod outsideRth hidden"""
)
PLACE_ALLOCATION = _names("discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage")
PLACE_SECOND = _names(
    """modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty percentOffset
    eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy startingPrice stockRefPrice delta stockRangeLower
    stockRangeUpper overridePercentageConstraints volatility volatilityType deltaNeutralOrderType
    deltaNeutralAuxPrice"""
)
PLACE_TRAIL = _names(
    """continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInitLevelSize scaleSubsLevelSize
    scalePriceIncrement"""
)
PLACE_HEDGE = ("scaleTable", "activeStartTime", "activeStopTime", "hedgeType")
PLACE_CLEARING = ("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld")
PLACE_FLAGS = ("algoId", "whatIf", "orderMiscOptions", "solicited", "randomizeSize", "randomizePrice")
PLACE_TAIL = _names(
    """adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount
    adjustableTrailingUnit extOperator softDollarName softDollarValue cashQty mifid2DecisionMaker mifid2DecisionAlgo
    mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice
    usePriceMgmtAlgo"""
)
PLACE_LATER = (
    (158, "duration"),
    (160, "postToAts"),
    (162, "autoCancelParent"),
    (166, "advancedErrorOverride"),
    (169, "manualOrderTime"),
)

# openOrder
OPEN_MAIN = _names(
    """action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef clientId permId
    outsideRth hidden discretionaryAmt goodAfterTime ignored faGroup faMethod faPercentage"""
)
OPEN_SECOND = _names(
    """modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode
    auctionStrategy startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize blockOrder sweepToFill
    allOrNone minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod volatility volatilityType
    deltaNeutralOrderType deltaNeutralAuxPrice"""
)
OPEN_TRAIL = _names(
    """continuousUpdate referencePriceType trailStopPrice trailingPercent basisPoints basisPointsType
    comboLegsDescrip"""
)
SCALE_HEAD = ("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement")
OPEN_CLEARING = PLACE_CLEARING
OPEN_STATE = _names(
    """solicited whatIf status initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange
    maintMarginChange equityWithLoanChange initMarginAfter maintMarginAfter equityWithLoanAfter commission
    minCommission maxCommission commissionCurrency warningText randomizeSize randomizePrice"""
)
OPEN_TAIL = _names(
    """adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice
    adjustedTrailingAmount adjustableTrailingUnit softDollarName softDollarValue softDollarDisplayName cashQty
    dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo"""
)
OPEN_LATER = ((159, "duration"), (160, "postToAts"), (162, "autoCancelParent"))
COMPETE = ("minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf")

# completedOrder
COMPLETED_MAIN = _names(
    """action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef permId outsideRth
    hidden discretionaryAmt goodAfterTime faGroup faMethod faPercentage"""
)
COMPLETED_SECOND = _names(
    """modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode
    startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize sweepToFill allOrNone minQty ocaType
    triggerMethod volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice"""
)
COMPLETED_DELTA_NEUTRAL = _names(
    "deltaNeutralConId deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
)
COMPLETED_TRAIL = _names("continuousUpdate referencePriceType trailStopPrice trailingPercent comboLegsDescrip")
COMPLETED_CLEARING = ("clearingAccount", "clearingIntent", "notHeld")
COMPLETED_STATE = ("solicited", "status", "randomizeSize", "randomizePrice")
COMPLETED_TAIL = _names(
    """trailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer autoCancelDate filledQuantity
    refFuturesConId autoCancelParent shareholder imbalanceOnly routeMarketableToBbo parentPermId completedTime
    completedStatus"""
)
