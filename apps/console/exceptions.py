"""What the console refuses.

ConsoleError
  UnknownRole       no such role
  UnknownToken      no active token of that name
  DuplicateToken    an active token has that name
  PortTaken         the web server cannot have its port
"""

from tradeops.lib.errors import TradeOpsError


class ConsoleError(TradeOpsError):
    pass


class UnknownRole(ConsoleError):
    pass


class UnknownToken(ConsoleError):
    pass


class DuplicateToken(ConsoleError):
    pass


class PortTaken(ConsoleError):
    pass
