from apps.snapshots.models.coverage import SnapshotCoverage
from apps.snapshots.models.portfolio import PortfolioSnapshot, SnapshotPosition
from apps.snapshots.models.position import PositionSnapshot

__all__ = ["PortfolioSnapshot", "PositionSnapshot", "SnapshotCoverage", "SnapshotPosition"]
