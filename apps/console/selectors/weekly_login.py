"""The weekly login as it is shown: the next one, or the one that nothing proves yet, and when one was kept last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from apps.broker.selectors import SessionView


@dataclass(frozen=True, slots=True)
class WeeklyLoginView:
    """`is_open`: people must think of it now. `kept_at` and `logged_in_at` are None while nobody has seen it."""

    due_at: datetime
    name: str
    is_open: bool
    kept_at: datetime | None
    logged_in_at: datetime | None


def weekly_login_view(session: SessionView, *, now: datetime) -> WeeklyLoginView | None:
    """None where no appointment is set."""
    plan = settings.BROKER.weekly_login
    if plan is None:
        return None
    kept_at = session.weekly_login_kept_at
    open_one = plan.open_at(now, kept_at=kept_at)
    due_at = open_one or plan.following(now)
    return WeeklyLoginView(due_at, plan.name_of(due_at), open_one is not None, kept_at, session.logged_in_at)


def in_words(view: WeeklyLoginView, *, now: datetime) -> str:
    kept = f"last kept at {view.kept_at:%Y-%m-%d %H:%M} UTC" if view.kept_at else "none was kept yet"
    if view.due_at <= now:
        return f"not proved for {duration(now - view.due_at)}: {view.name}; {kept}"
    return f"in {duration(view.due_at - now)}: {view.name}; {kept}"


def duration(length: timedelta) -> str:
    """In whole minutes, the two largest units."""
    minutes = int(length.total_seconds()) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"
