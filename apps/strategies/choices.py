from django.db import models


class Strategy(models.TextChoices):
    MOMENTUM = "momentum", "ETF momentum"


class Action(models.TextChoices):
    BUY = "BUY", "Buy"
    SELL = "SELL", "Sell"


class OtherHoldings(models.TextChoices):
    """What a rebalance does with holdings outside the strategy's funds."""

    LEAVE = "leave", "Leave alone"
    SELL = "sell", "Advise to sell (shares only)"
