"""Signing in, and the wait after ten wrong passwords."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from apps.console import throttle
from apps.console.models import LoginAttempt
from apps.journal import selectors as journal
from tests.console.conftest import PASSWORD
from tradeops.lib import clock

LOGIN = "/admin/login/?next=/desk/"
pytestmark = pytest.mark.django_db


def try_login(password: str, *, account: str = "vera", address: str = "10.0.0.1") -> Any:
    return Client(REMOTE_ADDR=address).post(LOGIN, {"username": account, "password": password})


def fail_often(times: int, **where: str) -> None:
    for _ in range(times):
        attempt = throttle.begin_attempt(account=where.get("account", "vera"), address=where.get("address", "10.0.0.1"))
        assert attempt is not None
        throttle.fail_attempt(attempt)


@pytest.fixture(autouse=True)
def vera(make_user: Callable[..., User]) -> User:
    return make_user()


def test_right_password_leads_to_the_desk() -> None:
    answer = try_login(PASSWORD)
    assert (answer.status_code, answer.url) == (302, "/desk/")


def test_wrong_password_is_counted_and_the_right_one_forgets() -> None:
    try_login("wrong")
    assert LoginAttempt.objects.count() == 1
    try_login(PASSWORD)
    assert LoginAttempt.objects.count() == 0


def test_tenth_failure_locks_even_the_right_password() -> None:
    fail_often(9)
    assert "correct username" in try_login("wrong").content.decode()
    answer = try_login(PASSWORD)
    assert answer.status_code == 200
    assert "Too many failed attempts: wait 15 minutes" in answer.content.decode()


def test_lock_is_per_account_and_address() -> None:
    fail_often(10)
    assert try_login(PASSWORD, address="10.0.0.2").status_code == 302


def test_lock_ends_after_the_window() -> None:
    fail_often(10)
    LoginAttempt.objects.update(at=clock.now() - timedelta(minutes=15, seconds=1))
    assert try_login(PASSWORD).status_code == 302


def test_refused_attempts_do_not_prolong_the_lock() -> None:
    fail_often(10)
    LoginAttempt.objects.update(at=clock.now() - timedelta(minutes=14))
    assert "wait 1 minute and" in try_login(PASSWORD).content.decode()
    assert LoginAttempt.objects.count() == 10


def test_another_spelling_is_the_same_account() -> None:
    fail_often(10, account=" VERA ")
    assert "Too many" in try_login(PASSWORD).content.decode()


@pytest.mark.django_db(transaction=True)
def test_lock_is_in_the_journal_once() -> None:
    fail_often(10)
    try_login("wrong")
    locked = [event for event in journal.latest_events(limit=20) if event.step == "Login"]
    assert [event.message for event in locked] == ["10 failed logins for 'vera' from 10.0.0.1: locked for 15 minutes"]


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_moment_count_each_other() -> None:
    allowed: list[bool] = []

    def guess() -> None:
        attempt = throttle.begin_attempt(account="vera", address="10.0.0.1")
        allowed.append(attempt is not None)
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) <= 10


def test_login_page_shows_the_mode_and_nothing_of_the_account() -> None:
    page = Client().get(LOGIN).content.decode()
    assert "PAPER" in page
    assert "Gateway" not in page


def test_user_without_a_role_cannot_watch(make_user: Callable[..., User]) -> None:
    client = Client()
    client.force_login(make_user(name="nobody", role=""))
    answer = client.get("/desk/")
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.content.decode()
