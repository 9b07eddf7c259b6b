"""What becomes of slots whose time has come, whether a moment ago or while the host was down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.jobs.choices import CatchUp


@dataclass(frozen=True, slots=True)
class Decision:
    """`run` is the slot to hand out next; `missed` will never be run. Slots in neither stay due."""

    run: datetime | None
    missed: tuple[datetime, ...]


def decide(slots: Sequence[datetime], *, policy: str, grace: timedelta, now: datetime) -> Decision:
    """`slots` are due and oldest first. Within the grace the latest runs under every policy: it is only late."""
    if not slots:
        return Decision(None, ())
    if policy == CatchUp.ALL:
        return Decision(slots[0], ())
    *older, latest = slots
    if policy == CatchUp.SKIP and now - latest > grace:
        return Decision(None, tuple(slots))
    return Decision(latest, tuple(older))
