"""Notices arrive once, in time, or are given up aloud."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from threading import Barrier, Thread

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction
from pytest_django import Settings

from apps.journal import selectors, services
from apps.journal.choices import DeliveryState, Level, Severity
from apps.journal.models import Channel, Delivery, Event
from apps.journal.outbound.destinations import WEBHOOK
from apps.journal.services.courier import Courier
from apps.journal.services.delivery import LEASE
from tests.journal.receiver import Receiver
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db
COMMITTED = pytest.mark.django_db(transaction=True)

NIGHT = datetime(2026, 1, 12, 23, tzinfo=UTC)
MORNING = datetime(2026, 1, 13, 7, tzinfo=UTC)


def notify(subject: str = "Subject", **more: object) -> list[Delivery]:
    return services.notify(subject, "Body", **{"now": NIGHT, **more})


def channel(receiver: Receiver, path: str = "ok", **values: object) -> Channel:
    address = f"json://127.0.0.1:{receiver.port}/{path}"
    return Channel.objects.create(**{"name": "desk", "url": address, "minimum_severity": Severity.INFO, **values})


@pytest.mark.mission(12)
@pytest.mark.mission(195)
def test_webhook_receives_the_original_payload(webhook: Receiver) -> None:
    notify("Rebalance")
    assert services.deliver_due(NIGHT) == 1
    assert webhook.notices == [{"subject": "Rebalance", "body": "Body", "timestamp": "2026-01-12T23:00:00+00:00"}]
    [(path, headers, _)] = webhook.received
    assert (path, headers["Content-Type"]) == ("/ok", "application/json")
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status_code, delivery.attempts) == (DeliveryState.DELIVERED, 200, 1)
    assert services.deliver_due(NIGHT + timedelta(days=1)) == 0


def test_notice_of_a_transaction_that_fails_is_not_sent(webhook: Receiver) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        notify()
        raise ZeroDivisionError
    assert services.deliver_due(NIGHT) == 0


@COMMITTED
def test_notice_of_a_key_is_queued_once(webhook: Receiver) -> None:
    together = Barrier(10)

    def compete() -> None:
        together.wait()
        notify(key="report:2026-W05")
        connection.close()

    threads = [Thread(target=compete) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Delivery.objects.count() == 1


@COMMITTED
def test_many_deliverers_send_each_notice_once(webhook: Receiver) -> None:
    for number in range(12):
        notify(f"Notice {number}")
    together = Barrier(6)

    def compete() -> None:
        together.wait()
        services.deliver_due(NIGHT)
        connection.close()

    threads = [Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(webhook.subjects) == sorted(f"Notice {number}" for number in range(12))
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


def test_notice_of_a_dead_deliverer_is_taken_over_after_its_lease(webhook: Receiver) -> None:
    notify()
    Delivery.objects.update(lease_owner="dead", lease_until=NIGHT + LEASE, attempts=1)
    assert services.deliver_due(NIGHT + LEASE) == 0
    assert services.deliver_due(NIGHT + LEASE + timedelta(seconds=1)) == 1
    assert Delivery.objects.get().attempts == 2


def test_notice_that_kills_its_deliverers_is_given_up(webhook: Receiver) -> None:
    notify()
    Delivery.objects.update(lease_owner="dead", lease_until=NIGHT, attempts=4)
    services.deliver_due(NIGHT + LEASE)
    assert Delivery.objects.get(subject="Subject").state == DeliveryState.GIVEN_UP
    assert "Subject" not in webhook.subjects


@pytest.mark.mission(13)
@pytest.mark.parametrize(
    ("path", "status_code", "error"),
    [("error", 500, "answered 500"), ("redirect", 302, "answered 302"), ("close", None, "failed: ProtocolError")],
)
def test_failed_notice_is_tried_again_with_patience_and_given_up_aloud(
    path: str, status_code: int | None, error: str, receiver: Receiver, settings: Settings
) -> None:
    settings.SCHEDULER_WEBHOOK_URL, settings.NOTICES_ALLOW_PRIVATE = receiver.url(path), True
    notify()
    tried = []
    for second in (*range(0, 200, 10), *range(700, 1000, 10)):
        before = len(receiver.received)
        assert services.deliver_due(NIGHT + timedelta(seconds=second)) == 0
        tried += [second] * (len(receiver.received) - before)
    assert tried[:4] == [0, 30, 150, 750]
    delivery = Delivery.objects.get(subject="Subject")
    assert (delivery.state, delivery.status_code, delivery.attempts) == (DeliveryState.GIVEN_UP, status_code, 4)
    assert error in delivery.error
    told = Event.objects.filter(step="Notice", data__delivery=delivery.pk)
    levels = told.order_by("id").values_list("level", flat=True)
    assert list(levels) == [Level.WARN, Level.WARN, Level.WARN, Level.ERROR]
    assert "given up" in told.latest("id").message


@pytest.mark.mission(13)
def test_notice_without_a_webhook_is_logged_instead(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.SCHEDULER_WEBHOOK_URL = ""
    notify("Scheduler Job Failed: x")
    assert "only logged: Scheduler Job Failed: x: Body" in caplog.text
    assert Delivery.objects.get().state == DeliveryState.LOGGED
    assert services.deliver_due(NIGHT) == 0


def test_place_where_nothing_arrives_is_an_incident_told_elsewhere_until_something_does(
    receiver: Receiver, settings: Settings
) -> None:
    settings.SCHEDULER_WEBHOOK_URL, settings.NOTICES_ALLOW_PRIVATE = receiver.url("error"), True
    channel(receiver)
    notify()
    for minute in (0, 1, 4, 15, 16, 19, 30):
        services.deliver_due(NIGHT + timedelta(minutes=minute))
    [incident] = selectors.open_incidents()
    assert incident.key == f"notices:{WEBHOOK}"
    titles = [notice.get("title") for notice in receiver.notices]
    assert titles.count("Warning: Notices to SCHEDULER_WEBHOOK_URL do not arrive") == 1
    settings.SCHEDULER_WEBHOOK_URL = receiver.url("ok")
    services.send_test(place=WEBHOOK, actor="ann", now=NIGHT + timedelta(hours=1))
    assert not selectors.open_incidents().exists()


def test_dead_place_holds_up_no_other(receiver: Receiver, settings: Settings) -> None:
    settings.SCHEDULER_WEBHOOK_URL, settings.NOTICES_ALLOW_PRIVATE = receiver.url("error"), True
    channel(receiver)
    for _ in range(3):
        notify()
    assert services.deliver_due(NIGHT) == 3
    assert [path for path, _, _ in receiver.received].count("/error") == 1


@pytest.mark.mission(195)
def test_channel_hears_what_is_severe_enough(webhook: Receiver) -> None:
    channel(webhook, "ok/desk", name="desk", minimum_severity=Severity.WARNING)
    channel(webhook, "ok/pager", name="pager", minimum_severity=Severity.CRITICAL)
    channel(webhook, "ok/off", name="off", enabled=False)
    heard = {}
    for level in Level:
        places = {delivery.place for delivery in notify(level=level)}
        heard[level] = places - {WEBHOOK}
    assert heard == {Level.INFO: set(), Level.WARN: {"desk"}, Level.ERROR: {"desk", "pager"}}
    assert services.deliver_due(NIGHT) == 6


@pytest.mark.mission(139)
def test_quiet_hours_hold_back_all_but_critical_notices(webhook: Receiver) -> None:
    channel(webhook, "ok", quiet_from=time(22), quiet_to=time(7), time_zone="UTC")
    notify("Warning", level=Level.WARN)
    notify("Critical", level=Level.ERROR)
    services.deliver_due(NIGHT)
    services.deliver_due(MORNING - timedelta(minutes=1))
    titles = [notice.get("title") for notice in webhook.notices if "title" in notice]
    assert titles == ["Critical"]
    held = Delivery.objects.get(place="desk", state=DeliveryState.PENDING)
    assert (held.next_attempt_at, held.attempts) == (MORNING, 0)
    assert services.deliver_due(MORNING) == 1


def test_notice_for_a_channel_that_is_gone_does_not_go_elsewhere(webhook: Receiver) -> None:
    desk = channel(webhook)
    notify()
    desk.delete()
    assert services.deliver_due(NIGHT) == 1
    assert len(webhook.received) == 1
    assert "desk is gone" in Delivery.objects.get(place="desk").error
    for minute in (1, 4, 15):
        services.deliver_due(NIGHT + timedelta(minutes=minute))
    assert Delivery.objects.get(place="desk").state == DeliveryState.GIVEN_UP
    assert not selectors.open_incidents().exists()


def test_address_is_sealed_in_the_database(webhook: Receiver, settings: Settings) -> None:
    desk = channel(webhook, url="json://user:s3cret@127.0.0.1/")
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM journal_channel")
        sealed = cursor.fetchone()[0]
    assert "s3cret" not in sealed and "127.0.0.1" not in sealed
    desk.refresh_from_db()
    assert (desk.url, desk.kind) == ("json://user:s3cret@127.0.0.1/", "json")


def test_new_key_in_front_still_opens_what_the_old_one_sealed(webhook: Receiver, settings: Settings) -> None:
    desk = channel(webhook)
    address, old = desk.url, settings.FERNET_KEYS
    settings.FERNET_KEYS = [Fernet.generate_key().decode(), *old]
    assert services.reseal_channels() == 1
    settings.FERNET_KEYS = settings.FERNET_KEYS[:1]
    desk.refresh_from_db()
    assert desk.url == address


def test_address_whose_key_is_lost_is_unknown_and_kept(webhook: Receiver, settings: Settings) -> None:
    desk, old = channel(webhook), settings.FERNET_KEYS
    address = desk.url
    settings.FERNET_KEYS = [Fernet.generate_key().decode()]
    desk.refresh_from_db()
    assert desk.kind == ""
    assert [destination.place for destination in selectors.destinations()] == [WEBHOOK]
    desk.save()
    settings.FERNET_KEYS = old
    desk.refresh_from_db()
    assert desk.url == address


@COMMITTED
def test_courier_delivers_in_the_background_and_stops(webhook: Receiver) -> None:
    courier = Courier(pause_seconds=0.05)
    courier.start()
    services.notify("In the background", "Body")
    wait_for(lambda: webhook.subjects == ["In the background"], seconds=10)
    wait_for(lambda: Delivery.objects.get().state == DeliveryState.DELIVERED, seconds=10)
    courier.stop()


def test_place_that_failed_five_times_rests_for_a_minute_without_using_up_attempts(
    db: None, webhook: Receiver, settings: Settings
) -> None:
    settings.SCHEDULER_WEBHOOK_URL = webhook.url("error")
    for turn in range(6):
        services.notify(f"notice {turn}", "body", now=NIGHT)
        services.deliver_due(NIGHT)
    attempts = list(Delivery.objects.order_by("id").values_list("attempts", flat=True))
    assert attempts == [1, 1, 1, 1, 1, 0]
    settings.SCHEDULER_WEBHOOK_URL = webhook.url("ok")
    assert services.deliver_due(NIGHT + timedelta(seconds=59)) == 0
    assert services.deliver_due(NIGHT + timedelta(seconds=60)) == 6
