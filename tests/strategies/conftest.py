from tests.snapshots.conftest import desk, simulator

__all__ = ["desk", "simulator"]
