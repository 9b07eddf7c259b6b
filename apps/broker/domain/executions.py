"""The identity of executions: `0000e0d5.6512.01.01` is the first revision of `0000e0d5.6512.01`."""

from __future__ import annotations


def split_execution_id(exec_id: str) -> tuple[str, int]:
    """Key and revision. A correction repeats the key with a higher revision; an id without one is revision 1."""
    key, dot, suffix = exec_id.rpartition(".")
    if dot and key and suffix.isdecimal():
        return key, int(suffix)
    return exec_id, 1
