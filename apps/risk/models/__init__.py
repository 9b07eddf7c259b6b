from apps.risk.models.limits import LimitRevision, Restriction
from apps.risk.models.verdicts import OrderVerdict

__all__ = ["LimitRevision", "OrderVerdict", "Restriction"]
