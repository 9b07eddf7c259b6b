"""Taking and storing snapshots."""

from apps.snapshots.services.coverage import tell_coverage
from apps.snapshots.services.portfolio import remarks, store_snapshot, take_portfolio_snapshot
from apps.snapshots.services.positions import Capture, capture_positions

__all__ = ["Capture", "capture_positions", "remarks", "store_snapshot", "take_portfolio_snapshot", "tell_coverage"]
