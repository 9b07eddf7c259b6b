"""The root of every error that TradeOps raises on purpose.

TradeOpsError
  each app draws its own short tree in its exceptions.py
"""


class TradeOpsError(Exception):
    """An expected failure. The text is one sentence for people that names the remedy where there is one."""
