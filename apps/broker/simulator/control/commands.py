"""All commands: importing this module registers them."""

from . import broker_commands, connection_commands, market_commands, order_commands, report_commands
from .registry import COMMANDS, command_list, execute, refused

__all__ = [
    "COMMANDS",
    "broker_commands",
    "command_list",
    "connection_commands",
    "execute",
    "market_commands",
    "order_commands",
    "refused",
    "report_commands",
]
