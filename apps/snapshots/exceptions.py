"""
SnapshotError
  BrokerUnknown        the broker could not say: nothing is stored, try again
  IncompleteAnswer     the broker's answer contradicts itself: nothing is stored
  NoAccount            which account is meant cannot be told
"""

from tradeops.lib.errors import TradeOpsError


class SnapshotError(TradeOpsError):
    pass


class BrokerUnknown(SnapshotError):
    pass


class IncompleteAnswer(SnapshotError):
    pass


class NoAccount(SnapshotError):
    pass
