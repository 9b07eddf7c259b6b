from apps.broker.models.account import Account, AccountPnl, AccountValue, EquityPoint, Position
from apps.broker.models.instrument import Instrument
from apps.broker.models.ledger import ExternalOrder, Order, OrderEvent
from apps.broker.models.numbering import OrderNumbering
from apps.broker.models.order import BrokerOrder, Commission, Execution
from apps.broker.models.payment import CashFlow
from apps.broker.models.request import Request
from apps.broker.models.session import GatewaySession, LiveUnlock
from apps.broker.models.stops import EmergencyRun, EntryProbe, TradingState
from apps.broker.models.trade import Closing, ExchangeRate, HoldingChange, PairingCheckpoint, Trade, UnmatchedClosing

__all__ = [
    "Account",
    "AccountPnl",
    "AccountValue",
    "BrokerOrder",
    "CashFlow",
    "Closing",
    "Commission",
    "EmergencyRun",
    "EntryProbe",
    "EquityPoint",
    "ExchangeRate",
    "Execution",
    "ExternalOrder",
    "GatewaySession",
    "HoldingChange",
    "Instrument",
    "LiveUnlock",
    "Order",
    "OrderEvent",
    "OrderNumbering",
    "PairingCheckpoint",
    "Position",
    "Request",
    "Trade",
    "TradingState",
    "UnmatchedClosing",
]
