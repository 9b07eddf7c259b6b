"""The journal cannot be rewritten, and its numbers are safe to resume from."""

from __future__ import annotations

import threading

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from apps.journal import selectors, services
from apps.journal.models import Event
from tradeops.lib.listen import conninfo


def record(step: str = "Step") -> Event:
    return services.record(step=step, message="Something happened")


@pytest.mark.django_db(transaction=True)
def test_event_cannot_be_updated() -> None:
    record()
    with pytest.raises(IntegrityError, match="append-only: UPDATE refused"):
        Event.objects.update(message="Nothing happened")


@pytest.mark.django_db(transaction=True)
def test_event_cannot_be_deleted() -> None:
    record()
    with pytest.raises(IntegrityError, match="append-only: DELETE refused"):
        Event.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_event_number_cannot_be_changed() -> None:
    record()
    with pytest.raises(IntegrityError, match="append-only"):
        Event.objects.update(number=1_000_000)


@pytest.mark.django_db
def test_journal_cannot_be_truncated() -> None:
    refused = pytest.raises(IntegrityError, match="TRUNCATE refused")
    with connection.cursor() as cursor, refused, transaction.atomic():
        cursor.execute("TRUNCATE journal_event")


@pytest.mark.django_db(transaction=True)
def test_number_given_at_insert_is_ignored() -> None:
    event = Event.objects.create(number=999_999_999, step="Forged", message="Forged")
    event.refresh_from_db()
    assert event.number != 999_999_999


@pytest.mark.django_db(transaction=True)
def test_uncommitted_event_is_not_returned() -> None:
    with transaction.atomic():
        record()
        assert selectors.latest_events(limit=10) == []
    assert len(selectors.latest_events(limit=10)) == 1


@pytest.mark.django_db(transaction=True)
def test_commits_out_of_order_are_numbered_in_commit_order() -> None:
    """The transaction that wrote first commits last: a reader in between must not skip it."""
    insert = (
        "INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor) "
        "VALUES (now(), 'INFO', '', '', %s, '', '{}', '')"
    )
    with psycopg.connect(conninfo()) as early, psycopg.connect(conninfo()) as late:
        early.execute(insert, ["written first"])
        late.execute(insert, ["written second"])
        late.commit()
        seen = selectors.events_after(number=0, limit=10)
        early.commit()
    rest = selectors.events_after(number=seen[-1].number or 0, limit=10)
    assert [event.step for event in seen + rest] == ["written second", "written first"]


@pytest.mark.django_db(transaction=True)
def test_reader_that_resumes_misses_nothing_under_concurrent_writers() -> None:
    writers, each = 6, 40
    insert = (
        "INSERT INTO journal_event (at, level, scope, symbol, step, message, data, actor) "
        "VALUES (now(), 'INFO', '', '', %s, '', '{}', '')"
    )

    def write(name: int) -> None:
        with psycopg.connect(conninfo()) as writer:
            for index in range(each):
                writer.execute(insert, [f"{name}-{index}"])
                writer.commit()

    threads = [threading.Thread(target=write, args=[name]) for name in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[str] = []
    last = 0
    while any(thread.is_alive() for thread in threads) or selectors.last_number() > last:
        for event in selectors.events_after(number=last, limit=7):
            seen.append(event.step)
            last = event.number or 0
    assert sorted(seen) == sorted(f"{name}-{index}" for name in range(writers) for index in range(each))


@pytest.mark.django_db(transaction=True)
def test_commit_notifies_the_number() -> None:
    with psycopg.connect(conninfo(), autocommit=True) as listener:
        listener.execute("LISTEN journal_event")
        event = record()
        notification = next(listener.notifies(timeout=5, stop_after=1))
    event.refresh_from_db()
    assert notification.payload == str(event.number)
