from apps.strategies.services.advice import Recommendation, recommend_trades, store_advice
from apps.strategies.services.parameters import activate_revision, active_revision, create_revision
from apps.strategies.services.signals import ComputedSignal, compute_signal, store_signal

__all__ = [
    "ComputedSignal",
    "Recommendation",
    "activate_revision",
    "active_revision",
    "compute_signal",
    "create_revision",
    "recommend_trades",
    "store_advice",
    "store_signal",
]
