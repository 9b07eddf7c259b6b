from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.console import tokens
from apps.console.roles import assign_role
from tests.console.web_process import WebProcess
from tradeops.lib.listen import conninfo

PASSWORD = "a long enough pass phrase"


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[WebProcess]:
    """Not alive in other files: there nobody expects its heartbeat in the database."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        database = conninfo()
    with WebProcess(database) as process:
        yield process


@pytest.fixture
def make_token() -> Callable[..., str]:
    def make(name: str = "robot", role: str = "viewer", days: int | None = None) -> str:
        return tokens.create_token(name=name, role=role, days=days, actor="test")

    return make


@pytest.fixture
def token(transactional_db: None, make_token: Callable[..., str]) -> str:
    return make_token()


@pytest.fixture
def make_user() -> Callable[..., User]:
    def make(name: str = "vera", role: str = "viewer") -> User:
        user = User.objects.create_user(name, password=PASSWORD)
        if role:
            assign_role(user=user, role=role, actor="test")
        return user

    return make


@pytest.fixture
def sign_in() -> Callable[[User], str]:
    """Sign a user in; the session's key."""

    def sign(user: User) -> str:
        client = Client()
        client.force_login(user)
        return client.cookies["sessionid"].value

    return sign


@pytest.fixture
def cookie(transactional_db: None, make_user: Callable[..., User], sign_in: Callable[[User], str]) -> str:
    return sign_in(make_user())
