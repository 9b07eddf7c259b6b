from django.db import models


class SessionState(models.TextChoices):
    """The gateway's one answer to: may orders be sent? Only READY sends."""

    STARTING = "starting", "Starting"
    RECONCILING = "reconciling", "Reconciling"
    READY = "ready", "Ready"
    DATA_DEGRADED = "data-degraded", "Market data degraded"
    BROKER_LOST = "broker-lost", "Broker connectivity lost (1100)"
    PLANNED_RESTART = "planned-restart", "Planned restart"
    COMPETING_SESSION = "competing-session", "Competing session"
    DISCONNECTED = "disconnected", "Disconnected"
    REFUSED = "refused", "Refused"


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
