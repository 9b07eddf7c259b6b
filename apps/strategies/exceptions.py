"""
StrategyError
  BrokerUnknown        the broker could not say: nothing was stored, try again
  UnusableHistory      what the broker says of the past cannot be used
    NotEnoughHistory   a fund lacks months that the signal needs
    StaleHistory       a fund's closes end too long ago
  InvalidParameters    values that contradict each other or make no sense
  NoSnapshot           there is no portfolio to compare with, or it is too old
"""

from tradeops.lib.errors import TradeOpsError


class StrategyError(TradeOpsError):
    pass


class BrokerUnknown(StrategyError):
    pass


class UnusableHistory(StrategyError):
    pass


class NotEnoughHistory(UnusableHistory):
    pass


class StaleHistory(UnusableHistory):
    pass


class InvalidParameters(StrategyError):
    pass


class NoSnapshot(StrategyError):
    pass
