from django.db import models


class MissingReason(models.TextChoices):
    """Why a snapshot does not know one of its fields."""

    MARKET_CLOSED = "market_closed", "The market was closed: no Greeks, no implied volatility, often no price"
    NO_PERMISSION = "no_permission", "No market data permission"
    NO_LINES = "no_lines", "All market data lines were in use"
    REFUSED = "refused", "The broker refused the quote"
    NOT_SENT = "not_sent", "The broker sent nothing in time"
    NOT_ANSWERED = "not_answered", "The broker did not answer the question"
    NOT_ASKED = "not_asked", "The contract could not be found at the broker"
    NOTHING_PAID = "nothing_paid", "The premium at entry was nothing: no fraction of it can be told"
    UNDESCRIBED = "undescribed", "The contract's strike, right or expiry is not known"
