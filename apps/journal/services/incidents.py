"""Incidents: opened once per episode, whoever and however many find the same thing wrong."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.journal.choices import LEVEL_OF_SEVERITY, RANKS, Level, Severity
from apps.journal.domain.notice_texts import incident_notice
from apps.journal.exceptions import IncidentResolved, UnknownIncident
from apps.journal.models import Incident
from apps.journal.services.events import record
from apps.journal.services.locking import hold
from apps.journal.services.notices import notify
from tradeops.lib import clock

STEP = "Incident"
TITLE_LENGTH = 200


@transaction.atomic
def open_incident(
    *,
    key: str,
    title: str,
    severity: str = Severity.WARNING,
    detail: str = "",
    scope: str = "",
    actor: str = "",
    announce: bool = True,
    now: datetime | None = None,
) -> Incident:
    """The open incident of `key`, opened and announced now if there is none; its `count` is 1 exactly then.

    Found wrong again, it only counts, takes the newer detail, and becomes more severe where it was less so: that is
    announced again and takes back an acknowledgement. `announce=False` leaves telling people to the caller.
    """
    now = now or clock.now()
    hold(f"incident:{key}")
    incident = Incident.objects.select_for_update().filter(key=key, resolved_at=None).first()
    if incident is not None:
        return _see_again(incident, severity, detail, actor, announce, now)
    incident = Incident.objects.create(
        key=key,
        title=title[:TITLE_LENGTH],
        severity=severity,
        detail=detail,
        scope=scope,
        opened_at=now,
        last_seen_at=now,
    )
    _changed(incident, "opened", detail, LEVEL_OF_SEVERITY[severity], actor, now, announce=announce)
    return incident


def _see_again(incident: Incident, severity: str, detail: str, actor: str, announce: bool, now: datetime) -> Incident:
    incident.count += 1
    incident.last_seen_at = now
    incident.detail = detail or incident.detail
    worse = RANKS[severity] > RANKS[incident.severity]
    if worse:
        incident.severity = severity
        incident.acknowledged_at, incident.acknowledged_by, incident.snoozed_until = None, "", None
    incident.save()
    if worse:
        change = f"became {severity}"
        _changed(incident, change, incident.detail, LEVEL_OF_SEVERITY[severity], actor, now, announce=announce)
    return incident


@transaction.atomic
def resolve_incident(
    *, key: str, detail: str = "", actor: str = "", announce: bool = True, now: datetime | None = None
) -> Incident | None:
    """End the episode of `key`: what was wrong is right again. None when there is no open one."""
    if not Incident.objects.filter(key=key, resolved_at=None).exists():
        return None  # the usual case, and asked often
    hold(f"incident:{key}")
    incident = Incident.objects.select_for_update().filter(key=key, resolved_at=None).first()
    if incident is not None:
        _resolve(incident, detail, actor, announce, now or clock.now())
    return incident


@transaction.atomic
def close_incident(*, incident_id: int, reason: str, actor: str, now: datetime | None = None) -> bool:
    """A person ends the episode. False when it was over already. Raises UnknownIncident."""
    incident = _locked(incident_id)
    if not incident.is_open:
        return False
    _resolve(incident, reason, actor, True, now or clock.now())
    return True


@transaction.atomic
def acknowledge(*, incident_id: int, actor: str, reason: str = "", now: datetime | None = None) -> bool:
    """Somebody has taken it on: no more reminders. False when somebody had already.

    Raises UnknownIncident, IncidentResolved.
    """
    incident = _locked_open(incident_id)
    if incident.acknowledged_at is not None:
        return False
    now = now or clock.now()
    incident.acknowledged_at, incident.acknowledged_by = now, actor
    incident.save(update_fields=["acknowledged_at", "acknowledged_by"])
    _changed(incident, "acknowledged", reason, Level.INFO, actor, now, announce=False)
    return True


@transaction.atomic
def snooze(*, incident_id: int, until: datetime, actor: str, reason: str = "", now: datetime | None = None) -> bool:
    """No reminders before `until`. False when it is snoozed until then already.

    Raises UnknownIncident, IncidentResolved.
    """
    incident = _locked_open(incident_id)
    if incident.snoozed_until == until:
        return False
    incident.snoozed_until = until
    incident.save(update_fields=["snoozed_until"])
    change = f"snoozed until {until:%Y-%m-%d %H:%M} UTC"
    _changed(incident, change, reason, Level.INFO, actor, now or clock.now(), announce=False)
    return True


def _resolve(incident: Incident, detail: str, actor: str, announce: bool, now: datetime) -> None:
    incident.resolved_at, incident.resolved_by, incident.resolution = now, actor, detail
    incident.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    _changed(incident, "resolved", detail, Level.INFO, actor, now, announce=announce)


def _locked(incident_id: int) -> Incident:
    incident = Incident.objects.select_for_update().filter(pk=incident_id).first()
    if incident is None:
        raise UnknownIncident(f"There is no incident {incident_id}.")
    return incident


def _locked_open(incident_id: int) -> Incident:
    incident = _locked(incident_id)
    if not incident.is_open:
        raise IncidentResolved(f"Incident {incident_id} is resolved: there is nothing left to do.")
    return incident


def _changed(
    incident: Incident, change: str, detail: str, level: Level, actor: str, now: datetime, *, announce: bool
) -> None:
    """Every change is one event, and at most one notice."""
    first_line = detail.partition("\n")[0]
    record(
        step=STEP,
        message=f"incident {change}: {incident.title}" + (f": {first_line}" if first_line else ""),
        level=level,
        scope=incident.scope,
        data={"incident": incident.pk, "key": incident.key, "change": change, "severity": incident.severity},
        actor=actor,
    )
    if announce:
        subject, body = incident_notice(incident, change=change, detail=detail)
        key = f"incident:{incident.pk}:{change}"
        notify(subject, body, severity=incident.severity, key=key, incident=incident, actor=actor, now=now)
