from apps.risk.models.baselines import DayBaseline, EquityWatch, LimitBreach, UnexplainedChange
from apps.risk.models.breakers import Breaker, BreakerEvent
from apps.risk.models.breaks import Adoption, Break, OpeningBalance, ReconciliationRun
from apps.risk.models.limits import LimitRevision, Restriction
from apps.risk.models.overrides import OrderOverride
from apps.risk.models.verdicts import OrderVerdict

__all__ = [
    "Adoption",
    "Break",
    "Breaker",
    "BreakerEvent",
    "DayBaseline",
    "EquityWatch",
    "LimitBreach",
    "LimitRevision",
    "OpeningBalance",
    "OrderOverride",
    "OrderVerdict",
    "ReconciliationRun",
    "Restriction",
    "UnexplainedChange",
]
