from __future__ import annotations

import io

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.journal.models import Channel, Delivery
from tests.journal.receiver import Receiver
from tradeops.secret_key import check_fernet_keys

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_notify_test_tries_every_place_and_fails_when_one_does(webhook: Receiver) -> None:
    Channel.objects.create(name="desk", url=f"json://127.0.0.1:{webhook.port}/ok")
    assert run("notify_test") == "SCHEDULER_WEBHOOK_URL: delivered\ndesk: delivered\n"
    Channel.objects.create(name="pager", url=f"json://127.0.0.1:{webhook.port}/error")
    with pytest.raises(CommandError, match="1 of 3 failed: pager"):
        run("notify_test")
    assert run("notify_test", "--channel", "desk") == "desk: delivered\n"
    assert Delivery.objects.count() == 6


def test_notify_test_names_the_remedy(settings: Settings) -> None:
    settings.SCHEDULER_WEBHOOK_URL = ""
    with pytest.raises(CommandError, match="set SCHEDULER_WEBHOOK_URL or add a notice channel"):
        run("notify_test")
    with pytest.raises(CommandError, match="nowhere is not a place for notices"):
        run("notify_test", "--channel", "nowhere")


def test_rotate_keys_seals_anew_and_tells_what_it_cannot_read(settings: Settings) -> None:
    Channel.objects.create(name="desk", url="json://example.com/")
    settings.FERNET_KEYS = [Fernet.generate_key().decode(), *settings.FERNET_KEYS]
    assert run("rotate_keys").startswith("1 notice channel sealed")
    settings.FERNET_KEYS = settings.FERNET_KEYS[1:]
    with pytest.raises(CommandError, match="1 cannot be read"):
        run("rotate_keys")


def test_wrong_key_is_refused_without_repeating_it() -> None:
    with pytest.raises(ImproperlyConfigured, match="key 2 is not 32 bytes") as refused:
        check_fernet_keys([Fernet.generate_key().decode(), "s3cret"])
    assert "s3cret" not in str(refused.value)
