from apps.broker.models.account import Account, AccountPnl, AccountValue, EquityPoint, Position
from apps.broker.models.instrument import Instrument
from apps.broker.models.order import BrokerOrder, Commission, Execution
from apps.broker.models.request import Request
from apps.broker.models.session import GatewaySession, LiveUnlock

__all__ = [
    "Account",
    "AccountPnl",
    "AccountValue",
    "BrokerOrder",
    "Commission",
    "EquityPoint",
    "Execution",
    "GatewaySession",
    "Instrument",
    "LiveUnlock",
    "Position",
    "Request",
]
