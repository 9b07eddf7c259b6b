"""Snapshots in the control room."""

from apps.snapshots.admin.coverage import SnapshotCoverageAdmin
from apps.snapshots.admin.portfolio import PortfolioSnapshotAdmin
from apps.snapshots.admin.position import PositionSnapshotAdmin

__all__ = ["PortfolioSnapshotAdmin", "PositionSnapshotAdmin", "SnapshotCoverageAdmin"]
