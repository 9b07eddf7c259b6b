"""The order of an order's attributes in placeOrder, openOrder and completedOrder. Names are IB's."""

from __future__ import annotations

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

BENCHMARK = tuple(
    "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount referenceExchangeId".split()
)
DELTA_NEUTRAL_ORDER = tuple(
    """deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent
    deltaNeutralOpenClose deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation""".split()
)
SCALE = tuple(
    """scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset scaleInitPosition
    scaleInitFillQty scaleRandomPercent""".split()
)
MID_OFFSETS = ("midOffsetAtWhole", "midOffsetAtHalf")

# placeOrder
PLACE_MAIN = tuple(
    """action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef transmit parentId
    blockOrder sweepToFill displaySize triggerMethod outsideRth hidden""".split()
)
PLACE_ALLOCATION = tuple(
    "discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage".split()
)
PLACE_SECOND = tuple(
    """modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm allOrNone minQty percentOffset
    eTradeOnly firmQuoteOnly nbboPriceCap auctionStrategy startingPrice stockRefPrice delta stockRangeLower
    stockRangeUpper overridePercentageConstraints volatility volatilityType deltaNeutralOrderType
    deltaNeutralAuxPrice""".split()
)
PLACE_TRAIL = tuple(
    """continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInitLevelSize scaleSubsLevelSize
    scalePriceIncrement""".split()
)
PLACE_HEDGE = ("scaleTable", "activeStartTime", "activeStopTime", "hedgeType")
PLACE_CLEARING = ("optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld")
PLACE_FLAGS = ("algoId", "whatIf", "orderMiscOptions", "solicited", "randomizeSize", "randomizePrice")
PLACE_TAIL = tuple(
    """adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice adjustedTrailingAmount
    adjustableTrailingUnit extOperator softDollarName softDollarValue cashQty mifid2DecisionMaker mifid2DecisionAlgo
    mifid2ExecutionTrader mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice
    usePriceMgmtAlgo""".split()
)
PLACE_LATER = (
    (158, "duration"),
    (160, "postToAts"),
    (162, "autoCancelParent"),
    (166, "advancedErrorOverride"),
    (169, "manualOrderTime"),
)

# openOrder
OPEN_MAIN = tuple(
    """action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef clientId permId
    outsideRth hidden discretionaryAmt goodAfterTime ignored faGroup faMethod faPercentage""".split()
)
OPEN_SECOND = tuple(
    """modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode
    auctionStrategy startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize blockOrder sweepToFill
    allOrNone minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod volatility volatilityType
    deltaNeutralOrderType deltaNeutralAuxPrice""".split()
)
OPEN_TRAIL = tuple(
    """continuousUpdate referencePriceType trailStopPrice trailingPercent basisPoints basisPointsType
    comboLegsDescrip""".split()
)
SCALE_HEAD = ("scaleInitLevelSize", "scaleSubsLevelSize", "scalePriceIncrement")
OPEN_CLEARING = PLACE_CLEARING
OPEN_STATE = tuple(
    """solicited whatIf status initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange
    maintMarginChange equityWithLoanChange initMarginAfter maintMarginAfter equityWithLoanAfter commission
    minCommission maxCommission commissionCurrency warningText randomizeSize randomizePrice""".split()
)
OPEN_TAIL = tuple(
    """adjustedOrderType triggerPrice trailStopPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice
    adjustedTrailingAmount adjustableTrailingUnit softDollarName softDollarValue softDollarDisplayName cashQty
    dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo""".split()
)
OPEN_LATER = ((159, "duration"), (160, "postToAts"), (162, "autoCancelParent"))
COMPETE = ("minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole", "midOffsetAtHalf")

# completedOrder
COMPLETED_MAIN = tuple(
    """action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef permId outsideRth
    hidden discretionaryAmt goodAfterTime faGroup faMethod faPercentage""".split()
)
COMPLETED_SECOND = tuple(
    """modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode
    startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize sweepToFill allOrNone minQty ocaType
    triggerMethod volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice""".split()
)
COMPLETED_DELTA_NEUTRAL = tuple(
    "deltaNeutralConId deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation".split()
)
COMPLETED_TRAIL = tuple(
    "continuousUpdate referencePriceType trailStopPrice trailingPercent comboLegsDescrip".split()
)
COMPLETED_CLEARING = ("clearingAccount", "clearingIntent", "notHeld")
COMPLETED_STATE = ("solicited", "status", "randomizeSize", "randomizePrice")
COMPLETED_TAIL = tuple(
    """trailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer autoCancelDate filledQuantity
    refFuturesConId autoCancelParent shareholder imbalanceOnly routeMarketableToBbo parentPermId completedTime
    completedStatus""".split()
)
