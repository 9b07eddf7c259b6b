"""Tokens: shown once, stored as a digest, ended at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from apps.console import tokens
from apps.console.models import ApiToken
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
MakeToken = Callable[..., str]


def status_with(text: str) -> int:
    return Client().get("/api/history/events", HTTP_AUTHORIZATION=f"Bearer {text}").status_code


def test_token_opens_the_api(make_token: MakeToken) -> None:
    assert status_with(make_token()) == 200


def test_token_has_256_bits_and_is_stored_only_as_digest(make_token: MakeToken) -> None:
    text = make_token()
    assert len(text.removeprefix("tops_")) == 43  # 32 bytes in base64
    row = ApiToken.objects.get()
    assert text not in repr([getattr(row, field.attname) for field in row._meta.fields])
    assert row.digest == tokens.digest(text)
    assert text.startswith(row.prefix)


def test_wrong_token_is_401_with_the_reason() -> None:
    answer = Client().get("/api/history/events", HTTP_AUTHORIZATION="Bearer tops_wrong")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "The token is unknown, expired or revoked."}
    assert answer["WWW-Authenticate"] == "Bearer"


def test_expired_token_is_refused(make_token: MakeToken) -> None:
    text = make_token(days=1)
    assert status_with(text) == 200
    ApiToken.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert status_with(text) == 401


def test_revoked_token_is_refused_at_once(make_token: MakeToken) -> None:
    text = make_token()
    assert status_with(text) == 200
    tokens.revoke_token(name="robot", actor="test")
    assert status_with(text) == 401


def test_use_is_noted(make_token: MakeToken) -> None:
    text = make_token()
    assert ApiToken.objects.get().last_used_at is None
    status_with(text)
    assert ApiToken.objects.get().last_used_at is not None


def test_role_decides_what_a_token_may(make_token: MakeToken) -> None:
    make_token()
    user = tokens.user_of_token(ApiToken.objects.get().digest)
    assert user is not None
    assert user.has_perm("console.view_desk")
    assert not user.has_perm("console.trade")


def test_command_shows_the_token_once(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = StringIO(), StringIO()
    call_command("api_token", "create", "grafana", "--role", "viewer", "--days", "30", stdout=out, stderr=err)
    text = out.getvalue().strip()
    assert status_with(text) == 200
    assert "cannot be shown again" in err.getvalue()
    listing = StringIO()
    call_command("api_token", "list", stdout=listing)
    assert "grafana" in listing.getvalue()
    assert text not in listing.getvalue()


def test_token_that_may_order_belongs_to_a_person(make_user: Callable[..., User]) -> None:
    make_user("ann", "trader")
    for wrong, words in (([], "say whose it is"), (["--user", "nobody"], "no user nobody")):
        with pytest.raises(CommandError, match=words):
            call_command("api_token", "create", "bot", "--role", "trader", *wrong)
    out = StringIO()
    call_command("api_token", "create", "bot", "--role", "trader", "--user", "ann", stdout=out, stderr=StringIO())
    found = tokens.user_of_token(tokens.digest(out.getvalue().strip()))
    assert found is not None and (found.username, found.person) == ("token:bot", "ann")


def test_command_revokes() -> None:
    out = StringIO()
    call_command("api_token", "create", "grafana", stdout=out, stderr=StringIO())
    call_command("api_token", "revoke", "grafana", stdout=StringIO())
    assert status_with(out.getvalue().strip()) == 401
    listing = StringIO()
    call_command("api_token", "list", stdout=listing)
    assert "revoked" in listing.getvalue()


def test_command_names_the_remedy_for_an_unknown_token() -> None:
    with pytest.raises(CommandError, match="api_token list"):
        call_command("api_token", "revoke", "nobody")


def test_second_active_token_of_a_name_is_refused(make_token: MakeToken) -> None:
    make_token()
    with pytest.raises(CommandError, match="revoke it first"):
        call_command("api_token", "create", "robot", stderr=StringIO())


def test_name_is_free_again_after_revocation(make_token: MakeToken) -> None:
    first = make_token()
    tokens.revoke_token(name="robot", actor="test")
    assert status_with(make_token()) == 200
    assert status_with(first) == 401


@pytest.mark.parametrize("days", ["0", "-3", "100000"])
def test_senseless_validity_is_refused(days: str) -> None:
    with pytest.raises(CommandError, match="--days"):
        call_command("api_token", "create", "x", "--days", days)
