"""
SnapshotError
  BrokerUnknown        the broker could not say: nothing is stored, try again
  IncompleteAnswer     the broker's answer contradicts itself: nothing is stored
  NoAccount            which account is meant cannot be told
  TooLate              the day that was meant is over: its values cannot be had any more
  CaptureIncomplete    some snapshots could not be taken, though they may be when tried again
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


class TooLate(SnapshotError):
    pass


class CaptureIncomplete(SnapshotError):
    pass
