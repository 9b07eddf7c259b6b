from django.db import models


class LimitName(models.TextChoices):
    """Every number that trading is held to."""

    TOTAL_CAPITAL = "TOTAL_CAPITAL", "Total capital"
    MAX_DAILY_LOSS = "MAX_DAILY_LOSS", "Daily loss"
    REDUCING_DAILY_LOSS = "REDUCING_DAILY_LOSS", "Daily loss from which positions are only reduced"
    MAX_DRAWDOWN_LIMIT = "MAX_DRAWDOWN_LIMIT", "Drawdown from the peak"
    MAX_ORDER_VALUE = "MAX_ORDER_VALUE", "Value of one order, share of net liquidation"
    MAX_ORDER_QUANTITY = "MAX_ORDER_QUANTITY", "Quantity of one order"
    MAX_VOLUME_SHARE = "MAX_VOLUME_SHARE", "Quantity of one order, share of the 20-day volume"
    PRICE_COLLAR = "PRICE_COLLAR", "Distance of the price from the quote"
    CURRENCY_PRICE_COLLAR = "CURRENCY_PRICE_COLLAR", "Distance of the price from the quote, currencies and futures"
    MAX_QUOTE_AGE = "MAX_QUOTE_AGE", "Age of the quote"
    DELAYED_QUOTES = "DELAYED_QUOTES", "Delayed quotes will do: 1 yes, 0 no"
    MAX_PRICE_DRIFT = "MAX_PRICE_DRIFT", "Move of the price between proposal and approval"
    MAX_ACCOUNT_AGE = "MAX_ACCOUNT_AGE", "Age of the account's figures"
    MAX_POSITION_SHARE = "MAX_POSITION_SHARE", "One position, share of equity"
    MAX_SHORT_SHARE = "MAX_SHORT_SHARE", "One short position, share of equity"
    MAX_OPTION_SHARE = "MAX_OPTION_SHARE", "One option position, share of equity"
    FUNDS_MARGIN = "FUNDS_MARGIN", "Available funds needed, times the cost"
    MAX_OPEN_ORDERS = "MAX_OPEN_ORDERS", "Open orders"
    MAX_ORDERS_PER_SECOND = "MAX_ORDERS_PER_SECOND", "Orders in a second, each strategy"
    MAX_ORDERS_PER_MINUTE = "MAX_ORDERS_PER_MINUTE", "Orders in a minute"
    MAX_ORDERS_PER_DAY = "MAX_ORDERS_PER_DAY", "Orders in a day"
    ORDER_TO_TRADE_WARNING = "ORDER_TO_TRADE_WARNING", "Orders for each that trades, in a day: warning"
    MAX_ORDER_TO_TRADE = "MAX_ORDER_TO_TRADE", "Orders for each that trades, in a day"
    DUPLICATE_SECONDS = "DUPLICATE_SECONDS", "Time in which a like order is a duplicate"
    MAX_POSITIONS = "MAX_POSITIONS", "Positions held"
    MAX_GROSS_EXPOSURE = "MAX_GROSS_EXPOSURE", "Gross exposure, share of equity"
    MAX_NET_EXPOSURE = "MAX_NET_EXPOSURE", "Net exposure, share of equity"
    MAX_CONSECUTIVE_REJECTS = "MAX_CONSECUTIVE_REJECTS", "Refusals in a row"
    MAX_LOSS_STREAK = "MAX_LOSS_STREAK", "Losing trades in a row"
    MAX_ROUND_TRIPS_PER_HOUR = "MAX_ROUND_TRIPS_PER_HOUR", "Round trips in an hour, each strategy, unattended"


class DenialCode(models.TextChoices):
    """Why an order may not be sent."""

    TRADING_STOPPED = "TRADING_STOPPED", "Trading is stopped"
    SESSION_NOT_READY = "SESSION_NOT_READY", "The broker session is not ready"
    CLOCK_SKEW = "CLOCK_SKEW", "Clocks disagree"
    RESTART_WINDOW = "RESTART_WINDOW", "Too near to the planned restart"
    MODE_MISMATCH = "MODE_MISMATCH", "Account, port and setting do not agree"
    INSTRUMENT_RESTRICTED = "INSTRUMENT_RESTRICTED", "The instrument may not be traded"
    INSTRUMENT_LOCKED = "INSTRUMENT_LOCKED", "The instrument is locked by a break"
    MARKET_CLOSED = "MARKET_CLOSED", "The market is closed"
    EXCHANGE_HALTED = "EXCHANGE_HALTED", "The exchange has halted the instrument"
    DATA_UNKNOWN = "DATA_UNKNOWN", "Something that must be known is not"
    QUOTE_STALE = "QUOTE_STALE", "The quote is too old"
    QUOTE_NOT_LIVE = "QUOTE_NOT_LIVE", "The quote is not live"
    ACCOUNT_STALE = "ACCOUNT_STALE", "The account's figures are too old"
    LOSSES_NOT_WATCHED = "LOSSES_NOT_WATCHED", "Nobody watches the account's losses"
    EQUITY_NOT_POSITIVE = "EQUITY_NOT_POSITIVE", "Equity is not positive"
    ORDER_VALUE = "ORDER_VALUE", "The order is worth too much"
    ORDER_QUANTITY = "ORDER_QUANTITY", "The order's quantity is too large"
    VOLUME_SHARE = "VOLUME_SHARE", "The order is too large for the market"
    PRICE_COLLAR = "PRICE_COLLAR", "The price is too far from the quote"
    PRICE_DRIFT = "PRICE_DRIFT", "The price has moved since the order was proposed"
    PRICE_TICK = "PRICE_TICK", "The price is not on the instrument's tick"
    POSITION_SHARE = "POSITION_SHARE", "The position would be too large"
    FUNDS = "FUNDS", "Available funds do not suffice"
    OPEN_ORDERS = "OPEN_ORDERS", "Too many open orders"
    ORDER_BURST = "ORDER_BURST", "Too many orders in a second"
    ORDER_RATE = "ORDER_RATE", "Too many orders in a minute"
    ORDERS_TODAY = "ORDERS_TODAY", "Too many orders today"
    ORDER_TO_TRADE = "ORDER_TO_TRADE", "Too many orders for what trades"
    DUPLICATE = "DUPLICATE", "A like order was just given"
    SELF_CROSS = "SELF_CROSS", "An own order on the other side is open"
    POSITION_COUNT = "POSITION_COUNT", "Too many positions"
    GROSS_EXPOSURE = "GROSS_EXPOSURE", "Gross exposure would be too large"
    NET_EXPOSURE = "NET_EXPOSURE", "Net exposure would be too large"
    REDUCE_ONLY = "REDUCE_ONLY", "A closing order must reduce what is held"


class RevisionState(models.TextChoices):
    PENDING = "pending", "Waits for approval or cooling off"
    ACTIVE = "active", "In force"
    REPLACED = "replaced", "Replaced"
    EXPIRED = "expired", "Expired"
    REFUSED = "refused", "Refused"


class BreakerState(models.TextChoices):
    """As pybreaker names them."""

    CLOSED = "closed", "Closed"
    HALF_OPEN = "half-open", "Half-open"
    OPEN = "open", "Open"


class BreakKind(models.TextChoices):
    POSITION = "position", "Position"
    ORDER = "order", "Open order"
    EXECUTION = "execution", "Executions"
    ACCOUNT = "account", "Account value"


class BreakState(models.TextChoices):
    SETTLING = "settling", "Settling: an order is on its way"
    OPEN = "open", "Open"
    CLEARED = "cleared", "Cleared: both sides agree"
    BOOKED = "booked", "Booked by a person"


class RunTrigger(models.TextChoices):
    START = "start", "Start or reconnection"
    SCHEDULE = "schedule", "Schedule"
    PERSON = "person", "A person"
    FOLLOW_UP = "follow-up", "Second look"
    CLOSE = "close", "Close of the exchange"
    WATCH = "watch", "Each minute, without account values"


class MonitorRule(models.TextChoices):
    DAILY_LOSS_REALISED = "daily_loss_realised", "Daily loss, realised"
    DAILY_LOSS_TOTAL = "daily_loss_total", "Daily loss, total"
    DAILY_LOSS_EARLY = "daily_loss_early", "Daily loss, on the way to its limit"
    DRAWDOWN = "drawdown", "Drawdown from the peak"
    GROSS_EXPOSURE = "gross_exposure", "Gross exposure"
    LOSS_STREAK = "loss_streak", "Losing trades in a row"
    REJECTS = "rejects", "Refusals in a row"
    ROUND_TRIPS = "round_trips", "Round trips in an hour"
