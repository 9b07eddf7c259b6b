"""
JobsError
  InvalidJob         a declaration that cannot be used
  UnknownJob         nobody declared a job of that name
  InvalidSchedule    a cron expression or time zone that cannot be used
  LeaseLost          another process has taken the run over: stop at once
  StopRequested      a person asked the running job to stop
  ActionRefused      what a person asked for makes no sense as things stand
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


class StopRequested(JobsError):
    pass


class ActionRefused(JobsError):
    pass


class NoWorker(JobsError):
    pass
