"""What goes out reaches public addresses only, ends in time and gives no secret away."""

from __future__ import annotations

import logging
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.journal.domain.addresses import refusal
from apps.journal.exceptions import AddressRefused, NoticeFailed
from apps.journal.outbound.apprise_sender import send_by_apprise
from apps.journal.outbound.destinations import WEBHOOK, Destination
from apps.journal.outbound.guard import call_guarded
from apps.journal.outbound.http import DEADLINE_SECONDS, LARGEST_ANSWER, request
from tests.journal.receiver import Receiver
from tests.waiting import wait_for
from tradeops.lib import clock

REFUSED = [
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "100.64.0.1", "192.0.2.1", "198.18.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:7f00:1::1"),
    *("localhost", "", "/run/socket"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_address_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
def test_public_address_is_allowed(address: str) -> None:
    assert refusal(address) == ""


@given(st.ip_addresses(v=4))
def test_mapped_address_is_judged_as_what_it_maps(address: object) -> None:
    assert refusal(f"::ffff:{address}") == refusal(str(address))


def test_private_address_is_refused_before_anything_is_sent(receiver: Receiver) -> None:
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1 is loopback.*NOTICES_ALLOW_PRIVATE=true"):
        request("POST", receiver.url("ok"), body=b"{}")
    assert receiver.received == []


def test_name_that_resolves_to_a_private_address_is_refused(receiver: Receiver) -> None:
    with pytest.raises(AddressRefused, match="loopback"):
        request("POST", f"http://localhost:{receiver.port}/ok", body=b"{}")
    assert receiver.received == []


def test_every_connection_of_a_call_is_judged_and_no_other(receiver: Receiver) -> None:
    """Also the second one, which a redirect or a changed name would lead to, and datagrams."""
    plain = socket.create_connection(("127.0.0.1", receiver.port))
    plain.close()

    def connect_by_another_library() -> None:
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", receiver.port))

    def send_a_datagram() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as connection:
            connection.sendto(b"x", ("127.0.0.1", 9))

    for work in (connect_by_another_library, send_a_datagram):
        with pytest.raises(AddressRefused):
            call_guarded(work, seconds=5, allow_private=False)


def test_library_that_swallows_the_refusal_does_not_hide_it(receiver: Receiver) -> None:
    def swallow() -> str:
        try:
            socket.create_connection(("127.0.0.1", receiver.port)).close()
        except Exception:
            return "fine"
        return "connected"

    with pytest.raises(AddressRefused):
        call_guarded(swallow, seconds=5, allow_private=False)


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "example.com", "http://", "https://[::1"])
def test_other_schemes_and_malformed_addresses_are_refused(url: str) -> None:
    with pytest.raises(NoticeFailed, match="https://"):
        request("GET", url)


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
def test_server_that_takes_its_time_is_left_at_the_deadline(
    behaviour: str, receiver: Receiver, settings: Settings
) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    begun = time.monotonic()
    with pytest.raises(NoticeFailed):
        request("POST", receiver.url(behaviour), body=b"{}", seconds=0.5)
    assert 0.4 < time.monotonic() - begun < 2
    assert DEADLINE_SECONDS == 10


def test_dripping_connection_is_torn_down(receiver: Receiver, settings: Settings) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    with pytest.raises(NoticeFailed, match="no answer within"):
        request("POST", receiver.url("drip"), body=b"{}", seconds=0.3)

    def stopped() -> bool:
        before = receiver.drips
        receiver.ended.wait(0.15)
        return receiver.drips == before

    wait_for(stopped, seconds=5)


def test_redirect_is_not_followed(receiver: Receiver, settings: Settings) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    assert request("POST", receiver.url("redirect"), body=b"{}").status == 302
    assert [path for path, _, _ in receiver.received] == ["/redirect"]


def test_answer_is_cut(receiver: Receiver, settings: Settings) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    assert len(request("GET", receiver.url("flood")).body) == LARGEST_ANSWER


@pytest.mark.parametrize("behaviour", ["error", "close", "redirect"])
def test_webhook_that_does_not_take_the_notice_is_a_failure(
    behaviour: str, receiver: Receiver, settings: Settings
) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    destination = Destination(WEBHOOK, receiver.url(behaviour))
    with pytest.raises(NoticeFailed):
        send(destination)


def test_apprise_channel_is_guarded_too(receiver: Receiver, settings: Settings) -> None:
    destination = Destination("desk", f"json://localhost:{receiver.port}/ok")
    with pytest.raises(AddressRefused):
        send(destination)
    assert receiver.received == []
    settings.NOTICES_ALLOW_PRIVATE = True
    send(destination)
    [notice] = receiver.notices
    assert (notice["title"], notice["message"], notice["type"]) == ("Subject", "Body", "failure")


@pytest.mark.parametrize("url", ["syslog://", "dbus://", "nonsense://x", "", "json://"])
def test_apprise_address_that_reaches_nobody_is_refused(url: str) -> None:
    with pytest.raises(NoticeFailed):
        send_by_apprise(url, "Subject", "Body", severity="info")


@pytest.mark.parametrize("behaviour", ["ok", "error", "close"])
def test_secrets_of_an_address_are_in_no_log_error_or_repr(
    behaviour: str, receiver: Receiver, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.NOTICES_ALLOW_PRIVATE = True
    caplog.set_level(logging.DEBUG)
    host = f"127.0.0.1:{receiver.port}/{behaviour}/s3cret?key=s3cret"
    said = ""
    for destination in (
        Destination(WEBHOOK, f"http://user:s3cret@{host}"),
        Destination("desk", f"json://user:s3cret@{host}"),
    ):
        said += repr(destination)
        try:
            send(destination)
        except NoticeFailed as error:
            said += f"{error} {error!r} {error.__cause__!r}"
    assert len(receiver.received) == 2
    assert "s3cret" not in said + caplog.text


def send(destination: Destination) -> None:
    destination.send("Subject", "Body", severity="critical", now=clock.now())
