"""
ReportsError
  InvalidPeriod     not a week or month, or one that has not begun
  UnknownAccount    which account is meant cannot be told
  NoSnapshots       nothing to measure: take a snapshot first
  RenderingFailed   the PDF could not be made
  DamagedReport     the stored file is not the one that was stored
"""

from tradeops.lib.errors import TradeOpsError


class ReportsError(TradeOpsError):
    pass


class InvalidPeriod(ReportsError):
    pass


class UnknownAccount(ReportsError):
    pass


class NoSnapshots(ReportsError):
    pass


class RenderingFailed(ReportsError):
    pass


class DamagedReport(ReportsError):
    pass
