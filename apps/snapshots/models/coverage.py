from __future__ import annotations

from apps.snapshots.models.position import PositionSnapshot


class SnapshotCoverage(PositionSnapshot):
    """The position snapshots read as a whole: how many know each field, and why the others do not."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = "snapshot coverage"
        verbose_name_plural = "Snapshot coverage"
