"""Incidents and notice channels in the control room: who may do what, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from apps.console.roles import assign_role
from apps.journal import selectors, services
from apps.journal.choices import DeliveryState, Level, Severity
from apps.journal.models import Channel, Delivery, Event, Incident
from tests.journal.receiver import Receiver
from tradeops.lib import clock

pytestmark = pytest.mark.django_db

INCIDENTS = "/admin/journal/incident/"
CHANNELS = "/admin/journal/channel/"


@pytest.fixture
def as_role() -> Callable[[str], Client]:
    def sign_in(role: str) -> Client:
        user = User.objects.create_user(f"a {role}")
        assign_role(user=user, role=role, actor="test")
        client = Client()
        client.force_login(user)
        return client

    return sign_in


def open_one(key: str = "gateway", severity: str = Severity.CRITICAL) -> Incident:
    return services.open_incident(key=key, title=f"Trouble with {key}", severity=severity, detail="It <b>is</b> gone")


def handle(client: Client, incident: Incident, **values: Any) -> Any:
    return client.post(f"{INCIDENTS}{incident.pk}/handle/", values, follow=True)


def test_list_shows_open_incidents_first_with_their_severity_in_words(as_role: Callable[[str], Client]) -> None:
    open_one("old")
    services.resolve_incident(key="old")
    open_one("new", Severity.WARNING)
    page = as_role("viewer").get(INCIDENTS).content.decode()
    assert page.index("Trouble with new") < page.index("Trouble with old")
    assert 'data-tone="warn">Warning</span>' in page
    assert "Acknowledge" not in page


def test_empty_lists_say_what_to_do(as_role: Callable[[str], Client]) -> None:
    admin = as_role("admin")
    assert "No incident so far" in admin.get(INCIDENTS).content.decode()
    assert "No channel yet" in admin.get(CHANNELS).content.decode()
    assert "manage.py notify_test" in admin.get("/admin/journal/delivery/").content.decode()


@pytest.mark.parametrize("role", ["trader", "admin"])
def test_incident_is_handled_on_its_page(role: str, as_role: Callable[[str], Client]) -> None:
    client, incident = as_role(role), open_one()
    assert "It &lt;b&gt;is&lt;/b&gt; gone" in client.get(f"{INCIDENTS}{incident.pk}/change/").content.decode()
    assert "1 acknowledged" in handle(client, incident, decision="acknowledge", reason="on it").content.decode()
    assert "so already" in handle(client, incident, decision="acknowledge").content.decode()
    handle(client, incident, decision="snooze", hours="4", reason="waiting")
    incident.refresh_from_db()
    assert incident.acknowledged_by == f"a {role}"
    assert incident.snoozed_until is not None
    assert timedelta(hours=3.9) < incident.snoozed_until - clock.now() <= timedelta(hours=4)
    assert "Say why it is over" in handle(client, incident, decision="resolve").content.decode()
    handle(client, incident, decision="resolve", reason="restarted")
    incident.refresh_from_db()
    assert (incident.resolved_by, incident.resolution) == (f"a {role}", "restarted")


@pytest.mark.django_db(transaction=True)
def test_page_of_an_incident_tells_its_story(as_role: Callable[[str], Client]) -> None:
    client, incident = as_role("trader"), open_one()
    page = handle(client, incident, decision="acknowledge", reason="I look").content.decode()
    told = [
        "incident opened: Trouble with gateway",
        "incident acknowledged: Trouble with gateway: I look",
        '<span class="quiet">by a trader</span>',
    ]
    positions = [page.index(text) for text in told]
    assert positions == sorted(positions)
    assert "Critical: Trouble with gateway" in page


def test_viewer_may_look_and_not_handle(as_role: Callable[[str], Client]) -> None:
    client, incident = as_role("viewer"), open_one()
    page = client.get(f"{INCIDENTS}{incident.pk}/change/")
    assert page.status_code == 200
    assert "What to do" not in page.content.decode()
    assert handle(client, incident, decision="acknowledge").status_code == 403
    chosen = {"action": "resolve", "reason": "x", "_selected_action": [incident.pk]}
    client.post(INCIDENTS, chosen)
    incident.refresh_from_db()
    assert incident.is_open and incident.acknowledged_at is None


def test_several_are_handled_from_the_list_and_resolving_needs_a_reason(as_role: Callable[[str], Client]) -> None:
    client, incidents = as_role("trader"), [open_one("a"), open_one("b")]
    chosen = {"_selected_action": [incident.pk for incident in incidents]}
    for action in ("acknowledge", "snooze_one_hour"):
        assert client.post(INCIDENTS, {"action": action, **chosen}).status_code == 302
    assert Incident.objects.filter(acknowledged_by="a trader", snoozed_until__isnull=False).count() == 2
    client.post(INCIDENTS, {"action": "resolve", **chosen})
    assert Incident.objects.filter(resolved_at=None).count() == 2
    client.post(INCIDENTS, {"action": "resolve", "reason": "over", **chosen})
    assert set(Incident.objects.values_list("resolution", flat=True)) == {"over"}


def test_every_page_tells_how_many_incidents_are_open(as_role: Callable[[str], Client]) -> None:
    client = as_role("viewer")
    hidden = 'id="incident-count" href="/admin/journal/incident/?episode=open" hidden'
    for address in ("/admin/", "/desk/", CHANNELS):
        assert hidden in client.get(address).content.decode()
    open_one("a")
    open_one("b", Severity.WARNING)
    for address in ("/admin/", "/desk/", CHANNELS):
        page = client.get(address).content.decode()
        assert hidden not in page
        assert "2 open incidents, 1 critical" in page


@pytest.mark.parametrize("incidents", [1, 20])
def test_list_takes_the_same_queries_for_one_and_for_twenty(
    incidents: int, as_role: Callable[[str], Client], django_assert_max_num_queries: Any
) -> None:
    client = as_role("viewer")
    for number in range(incidents):
        open_one(f"key {number}")
    client.get(INCIDENTS)
    with django_assert_max_num_queries(14):
        client.get(INCIDENTS)


def channel_values(**more: str) -> dict[str, str]:
    values = {"name": "desk", "url": "json://user:s3cret@example.com/", "minimum_severity": "warning"}
    return {**values, "time_zone": "Europe/London", "quiet_from": "", "quiet_to": "", "enabled": "on", **more}


def test_address_of_a_channel_is_entered_and_never_shown(as_role: Callable[[str], Client]) -> None:
    admin = as_role("admin")
    assert admin.post(CHANNELS + "add/", channel_values()).status_code == 302
    desk = Channel.objects.get()
    assert (desk.url, desk.kind) == ("json://user:s3cret@example.com/", "json")
    admin.post(f"{CHANNELS}{desk.pk}/change/", channel_values(url="", minimum_severity="critical"))
    desk.refresh_from_db()
    assert (desk.url, desk.minimum_severity) == ("json://user:s3cret@example.com/", "critical")
    for client in (admin, as_role("viewer")):
        for address in (CHANNELS, f"{CHANNELS}{desk.pk}/change/", f"{CHANNELS}{desk.pk}/history/"):
            page = client.get(address)
            assert page.status_code == 200
            assert "s3cret" not in page.content.decode()
    said = " ".join(Event.objects.values_list("message", flat=True))
    assert "notice channel desk added" in said and "s3cret" not in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url": ""}, "Enter the address"),
        ({"url": "nonsense://x"}, "not one that Apprise understands"),
        ({"url": "syslog://"}, "this machine only"),
        ({"time_zone": "Mars/Olympus"}, "not a time zone"),
        ({"time_zone": "../etc"}, "not a time zone"),
        ({"quiet_from": "22:00"}, "a beginning and an end"),
        ({"name": "SCHEDULER_WEBHOOK_URL"}, "choose another"),
    ],
)
def test_wrong_channel_is_refused_at_its_field(
    values: dict[str, str], said: str, as_role: Callable[[str], Client]
) -> None:
    page = as_role("admin").post(CHANNELS + "add/", channel_values(**values))
    assert said in page.content.decode()
    assert not Channel.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "trader"])
def test_only_administrators_change_and_test_channels(role: str, as_role: Callable[[str], Client]) -> None:
    client = as_role(role)
    assert client.get(CHANNELS + "add/").status_code == 403
    assert client.post(CHANNELS + "test/", {"place": "SCHEDULER_WEBHOOK_URL"}).status_code == 403
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("path", "said", "state"),
    [
        ("ok", "was delivered. The answer was 200.", DeliveryState.DELIVERED),
        ("error", "failed: the webhook answered 500.", DeliveryState.GIVEN_UP),
    ],
)
def test_webhook_is_tested_by_a_button(
    path: str, said: str, state: str, receiver: Receiver, settings: Settings, as_role: Callable[[str], Client]
) -> None:
    settings.SCHEDULER_WEBHOOK_URL, settings.NOTICES_ALLOW_PRIVATE = receiver.url(path), True
    admin = as_role("admin")
    assert "Send test notice" in admin.get(CHANNELS).content.decode()
    page = admin.post(CHANNELS + "test/", {"place": "SCHEDULER_WEBHOOK_URL"}, follow=True).content.decode()
    assert said in page
    assert receiver.subjects == ["TradeOps test notice"]
    assert Delivery.objects.get().state == state
    assert admin.post(CHANNELS + "test/", {"place": "nowhere"}, follow=True).status_code == 200


def test_channel_whose_key_is_lost_is_shown_as_unreadable_and_kept(
    settings: Settings, as_role: Callable[[str], Client]
) -> None:
    from cryptography.fernet import Fernet

    admin = as_role("admin")
    admin.post(CHANNELS + "add/", channel_values())
    old, desk = settings.FERNET_KEYS, Channel.objects.get()
    settings.FERNET_KEYS = [Fernet.generate_key().decode()]
    assert "unreadable: FERNET_KEYS lacks its key" in admin.get(CHANNELS).content.decode()
    admin.post(f"{CHANNELS}{desk.pk}/change/", channel_values(url=""))
    settings.FERNET_KEYS = old
    desk.refresh_from_db()
    assert desk.url == "json://user:s3cret@example.com/"


def test_delivery_page_shows_what_came_of_it(as_role: Callable[[str], Client]) -> None:
    services.notify("Report done", "See the admin", level=Level.INFO)
    client = as_role("viewer")
    delivery = Delivery.objects.get()
    page = client.get(f"/admin/journal/delivery/{delivery.pk}/change/").content.decode()
    assert "Logged only" in page and "See the admin" in page
    assert selectors.open_incident_counts() == {}
