from __future__ import annotations

from collections.abc import Mapping


def find_cycle(job: str, waits_on: Mapping[str, str]) -> list[str]:
    """The circle of jobs that would wait for each other, from `job` back to it; empty when there is none.

    `waits_on` names for each job the one it depends on, or "".
    """
    path = [job]
    while following := waits_on.get(path[-1], ""):
        path.append(following)
        if following == job:
            return path
        if following in path[:-1]:
            return []
    return []
