from apps.strategies.models.advice import AdvisedTrade, RebalanceAdvice
from apps.strategies.models.parameters import ParametersRevision
from apps.strategies.models.prices import DailyBar, PriceSeries
from apps.strategies.models.signal import MomentumSignal, SignalRow

__all__ = [
    "AdvisedTrade",
    "DailyBar",
    "MomentumSignal",
    "ParametersRevision",
    "PriceSeries",
    "RebalanceAdvice",
    "SignalRow",
]
