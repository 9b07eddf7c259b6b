from django.db import models

# The strategy that no order may have: halt drills stop it. What they press came by this name, too.
DRILL = "drill"


class SessionState(models.TextChoices):
    """The gateway's one answer to: what may be sent? See `domain.orders.sendable`."""

    STARTING = "starting", "Starting"
    RECONCILING = "reconciling", "Reconciling"
    READY = "ready", "Ready"
    DATA_DEGRADED = "data-degraded", "Market data degraded"
    BROKER_LOST = "broker-lost", "Broker connectivity lost (1100)"
    PLANNED_RESTART = "planned-restart", "Planned restart"
    COMPETING_SESSION = "competing-session", "Competing session"
    DISCONNECTED = "disconnected", "Disconnected"
    REFUSED = "refused", "Refused"


# In these states every change at the broker reaches the tables at once.
FOLLOWING = frozenset({SessionState.READY, SessionState.DATA_DEGRADED, SessionState.COMPETING_SESSION})


class TradingMode(models.TextChoices):
    PAPER = "paper", "Paper"
    LIVE = "live", "Live"


class Side(models.TextChoices):
    BUY = "BUY", "Buy"
    SELL = "SELL", "Sell"


class RequestKind(models.TextChoices):
    """What other processes may ask the gateway for."""

    QUOTES = "quotes", "Quotes"
    HISTORY = "history", "Historical bars"
    CONTRACT_DETAILS = "contract_details", "Contract details"
    OPTION_CHAIN = "option_chain", "Option chain"
    ACCOUNT_SUMMARY = "account_summary", "Account summary"
    POSITIONS = "positions", "Positions"
    OPEN_ORDERS = "open_orders", "Open orders"
    WHAT_IF = "what_if", "Margin that an order would need"


class RequestState(models.TextChoices):
    PENDING = "pending", "Pending"
    CLAIMED = "claimed", "Being answered"
    KNOWN = "known", "Known"
    UNKNOWN = "unknown", "Unknown"


class Priority(models.IntegerChoices):
    """Lower goes first, over both links."""

    CANCEL = 0, "Cancel"
    ORDER = 10, "Order"
    RECONCILE = 20, "Reconcile"
    QUOTE = 30, "Quote"
    HISTORY = 40, "History"


class PriceSource(models.TextChoices):
    """Where a price comes from, best first."""

    MARKET = "market", "Live market price"
    DELAYED = "delayed", "Delayed market price"
    DELAYED_LAST = "delayed_last", "Delayed last trade"
    CLOSE = "close", "Previous close"
    MID = "mid", "Bid/ask midpoint"
    PORTFOLIO = "portfolio", "The broker's own valuation of the portfolio"
    AVG_COST = "avg_cost", "Average cost (no price available)"


class OrderState(models.TextChoices):
    """Where an order of the ledger stands. `apps.broker.domain.orders` says which may follow which."""

    PROPOSED = "proposed", "Proposed"
    DENIED = "denied", "Denied"
    APPROVED = "approved", "Approved"
    SUBMITTING = "submitting", "Being submitted"
    WORKING = "working", "Working"
    FILLED = "filled", "Filled"
    CANCELLED = "cancelled", "Cancelled"
    REJECTED = "rejected", "Rejected by the broker"
    EXPIRED = "expired", "Expired"
    UNRESOLVED = "unresolved", "Unresolved"


class OrderPurpose(models.TextChoices):
    """Why an order exists; it decides what a halt lets through and what it cancels."""

    ENTRY = "entry", "Entry"
    EXIT = "exit", "Exit"
    PROTECTIVE = "protective", "Protective"
    FLATTEN = "flatten", "Flatten"
    CORRECTION = "correction", "Correction"


class OrderType(models.TextChoices):
    """IB's names of the order types that the ledger sends."""

    MARKET = "MKT", "Market"
    LIMIT = "LMT", "Limit"
    STOP = "STP", "Stop"
    STOP_LIMIT = "STP LMT", "Stop limit"
    TRAILING_STOP = "TRAIL", "Trailing stop"
    MARKET_ON_CLOSE = "MOC", "Market on close"
    LIMIT_ON_CLOSE = "LOC", "Limit on close"
    MIDPRICE = "MIDPRICE", "Midprice"


class TimeInForce(models.TextChoices):
    DAY = "DAY", "Day"
    GOOD_TILL_CANCELLED = "GTC", "Good till cancelled"
    IMMEDIATE_OR_CANCEL = "IOC", "Immediate or cancel"


class TradingPermission(models.TextChoices):
    """What may be sent, from everything to cancels only."""

    ACTIVE = "active", "Active"
    REDUCING = "reducing", "Reducing: closing orders only"
    HALTED = "halted", "Halted: no entries"
    KILLED = "killed", "Killed: cancels only"


class Scope(models.TextChoices):
    """What a trading state or an emergency action is about; `target` names which, empty for everything."""

    EVERYTHING = "everything", "Everything"
    ACCOUNT = "account", "Account"
    STRATEGY = "strategy", "Strategy"
    INSTRUMENT = "instrument", "Instrument"


class StopSource(models.TextChoices):
    """Who stopped trading. One scope may be stopped by several at once; each is released for itself."""

    MANUAL = "manual", "A person"
    LIMIT = "limit", "A limit"
    BREAKER = "breaker", "A circuit breaker"
    RECONCILIATION = "reconciliation", "Reconciliation"
    BROKER = "broker", "A warning of the broker"


class StopEnding(models.TextChoices):
    PERSON = "person", "Only by a person"
    NEXT_TRADING_DAY = "next_trading_day", "At the next trading day"
    RECOVERY = "recovery", "When what caused it has recovered"


class EmergencyKind(models.TextChoices):
    HALT = "halt", "Halt"
    RESUME = "resume", "Resume"
    CANCEL_ALL = "cancel_all", "Cancel all"
    CLOSE_ALL = "close_all", "Close all"


class EmergencyState(models.TextChoices):
    REQUESTED = "requested", "Requested"
    CANCELLING = "cancelling", "Cancelling orders"
    CLOSING = "closing", "Closing positions"
    DONE = "done", "Done and verified at the broker"
    OTHERS = "others", "Done for ours, but orders of others still work"
    ESCALATED = "escalated", "Not verified: a person must look"
    FAILED = "failed", "Failed"


class TradeDirection(models.TextChoices):
    LONG = "long", "Long"
    SHORT = "short", "Short"


class HoldingChangeKind(models.TextChoices):
    """Why a holding changed without an execution."""

    OPENING = "opening", "Held before the first known execution"
    EXPIRY = "expiry", "Expired"
    ASSIGNMENT = "assignment", "Assigned or exercised"
    CORRECTION = "correction", "Booked by a person"
