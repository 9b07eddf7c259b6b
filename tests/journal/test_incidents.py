"""One incident per episode, one notice per change, and every change in the one journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from apps.journal import selectors, services
from apps.journal.choices import Level, Severity
from apps.journal.exceptions import IncidentResolved, UnknownIncident
from apps.journal.models import Delivery, Event, Incident
from apps.journal.services.escalation import escalate_due

pytestmark = pytest.mark.django_db
COMMITTED = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


def open_one(
    key: str = "gateway", severity: str = Severity.CRITICAL, detail: str = "It is gone", now: datetime = NOON
) -> Incident:
    return services.open_incident(
        key=key, title="Gateway is gone", severity=severity, detail=detail, scope="broker", now=now
    )


def changes(incident: Incident) -> list[str]:
    return [event.data["change"] for event in selectors.timeline(incident) if event.step == "Incident"]


def subjects() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("subject", flat=True))


@pytest.mark.mission(139)
@COMMITTED
def test_incident_is_told_of_once_per_episode() -> None:
    first = open_one()
    again = open_one(detail="Still gone", now=NOON + timedelta(minutes=1))
    assert (again.pk, again.count, again.detail) == (first.pk, 2, "Still gone")
    assert again.last_seen_at == NOON + timedelta(minutes=1)
    resolved = services.resolve_incident(key="gateway", detail="It is back")
    assert resolved is not None and services.resolve_incident(key="gateway") is None
    second = open_one()
    assert second.pk != first.pk and second.count == 1
    assert subjects() == ["Critical: Gateway is gone", "Resolved: Gateway is gone", "Critical: Gateway is gone"]
    assert Incident.objects.count() == 2


@pytest.mark.mission(139)
@COMMITTED
def test_many_threads_open_one_incident_with_one_notice() -> None:
    together = Barrier(20)

    def compete() -> None:
        together.wait()
        open_one()
        connection.close()

    threads = [Thread(target=compete) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Incident.objects.get().count == 20
    assert Delivery.objects.count() == 1
    assert changes(Incident.objects.get()) == ["opened"]


@COMMITTED
def test_many_threads_resolve_once() -> None:
    incident = open_one()
    together, ended = Barrier(8), []

    def compete() -> None:
        together.wait()
        ended.append(services.resolve_incident(key="gateway"))
        connection.close()

    threads = [Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer is not None for answer in ended) == 1
    assert changes(incident) == ["opened", "resolved"]


def test_database_refuses_a_second_open_incident_of_a_key() -> None:
    open_one()
    with pytest.raises(IntegrityError, match="journal_one_open_incident_per_key"):
        Incident.objects.create(key="gateway", title="Again")


def test_incident_of_a_transaction_that_fails_was_never_there() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        open_one()
        raise ZeroDivisionError
    assert (Incident.objects.count(), Delivery.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_incident_that_gets_worse_is_told_of_again_and_needs_a_new_acknowledgement() -> None:
    incident = open_one(severity=Severity.WARNING)
    assert services.acknowledge(incident_id=incident.pk, actor="ann")
    open_one(severity=Severity.CRITICAL)
    open_one(severity=Severity.WARNING)
    incident.refresh_from_db()
    assert (incident.severity, incident.acknowledged_at) == (Severity.CRITICAL, None)
    assert subjects() == ["Warning: Gateway is gone", "Became critical: Gateway is gone"]


@pytest.mark.mission(139)
@pytest.mark.mission(194)
@COMMITTED
def test_every_change_is_in_the_journal_with_who_and_why() -> None:
    incident = open_one()
    until = NOON + timedelta(hours=2)
    services.acknowledge(incident_id=incident.pk, actor="ann", reason="on it")
    services.snooze(incident_id=incident.pk, until=until, actor="ann", reason="waiting for the broker")
    services.close_incident(incident_id=incident.pk, actor="bob", reason="restarted it")
    told = [event for event in selectors.timeline(incident) if event.step == "Incident"]
    assert [(event.data["change"], event.actor, event.level) for event in told] == [
        ("opened", "", Level.ERROR),
        ("acknowledged", "ann", Level.INFO),
        ("snoozed until 2026-01-12 14:00 UTC", "ann", Level.INFO),
        ("resolved", "bob", Level.INFO),
    ]
    assert "restarted it" in told[-1].message
    assert {event.number for event in told} <= {event.number for event in selectors.latest_events(limit=50)}


def test_acknowledging_twice_changes_nothing() -> None:
    incident = open_one()
    assert services.acknowledge(incident_id=incident.pk, actor="ann")
    assert not services.acknowledge(incident_id=incident.pk, actor="bob")
    incident.refresh_from_db()
    assert incident.acknowledged_by == "ann"
    assert subjects() == ["Critical: Gateway is gone"]


def test_resolved_incident_cannot_be_handled() -> None:
    incident = open_one()
    services.resolve_incident(key="gateway")
    with pytest.raises(IncidentResolved):
        services.acknowledge(incident_id=incident.pk, actor="ann")
    with pytest.raises(IncidentResolved):
        services.snooze(incident_id=incident.pk, until=NOON, actor="ann")
    assert not services.close_incident(incident_id=incident.pk, actor="ann", reason="again")
    with pytest.raises(UnknownIncident):
        services.acknowledge(incident_id=incident.pk + 1, actor="ann")


def reminders(minutes: range) -> list[int]:
    """The minutes after noon at which a reminder was queued."""
    return [minute for minute in minutes if escalate_due(now=NOON + timedelta(minutes=minute))]


@pytest.mark.mission(139)
def test_critical_incident_is_brought_up_again_until_somebody_acknowledges() -> None:
    incident = open_one()
    assert reminders(range(0, 141, 5)) == [15, 75, 135]
    services.acknowledge(incident_id=incident.pk, actor="ann")
    assert reminders(range(141, 400)) == []
    assert subjects() == ["Critical: Gateway is gone", *["Still open: Gateway is gone"] * 3]


def test_warning_is_not_brought_up_again() -> None:
    open_one(severity=Severity.WARNING)
    assert reminders(range(0, 300, 5)) == []


def test_snoozed_incident_waits_and_then_is_brought_up() -> None:
    incident = open_one()
    services.snooze(incident_id=incident.pk, until=NOON + timedelta(minutes=40), actor="ann")
    assert reminders(range(0, 100, 5)) == [40]
    services.resolve_incident(key="gateway")
    assert reminders(range(100, 300, 5)) == []


@COMMITTED
def test_many_processes_bring_an_incident_up_once() -> None:
    open_one()
    together = Barrier(8)

    def compete() -> None:
        together.wait()
        escalate_due(now=NOON + timedelta(minutes=20))
        connection.close()

    threads = [Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert subjects() == ["Critical: Gateway is gone", "Still open: Gateway is gone"]


def test_open_incidents_come_the_most_severe_first() -> None:
    open_one("a", Severity.INFO)
    open_one("b", Severity.CRITICAL)
    open_one("c", Severity.WARNING)
    services.resolve_incident(key=open_one("d").key)
    assert [incident.key for incident in selectors.open_incidents()] == ["b", "c", "a"]
    assert selectors.open_incident_counts() == {"info": 1, "critical": 1, "warning": 1}
