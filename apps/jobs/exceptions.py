"""
JobsError
  InvalidJob         a declaration that cannot be used
  UnknownJob         nobody declared a job of that name
  InvalidSchedule    a cron expression or time zone that cannot be used
  LeaseLost          another process has taken the run over: stop at once
  NoWorker           nothing would run the job
"""

from tradeops.lib.errors import TradeOpsError


class JobsError(TradeOpsError):
    pass


class InvalidJob(JobsError):
    pass


class UnknownJob(JobsError):
    pass


class InvalidSchedule(JobsError):
    pass


class LeaseLost(JobsError):
    pass


class NoWorker(JobsError):
    pass
