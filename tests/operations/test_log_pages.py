"""The log folder in the control room: for the role admin alone, by listed names only."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from apps.console.choices import Role
from apps.console.roles import assign_role

pytestmark = pytest.mark.django_db
PAGE = "/admin/console/logfile/"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "secret_key").write_text("very secret")
    (logs / "scheduler.log").write_text("job start: daily_snapshot\n<script>alert(1)</script> token=abcdefgh1234\n")
    (logs / "app.log.2026-01-05T163501.000001Z").write_text("older\n")
    settings.LOG_DIR, settings.LOG_FILE = logs, logs / "app.log"
    return logs


def client_of(role: str) -> Client:
    user = User.objects.create_user(f"{role}-user")
    assign_role(user=user, role=role, actor="test")
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.mission(35)
@pytest.mark.mission(37)
def test_admin_browses_and_reads_the_logs(folder: Path) -> None:
    client = client_of(Role.ADMIN)
    listed = client.get(PAGE).content.decode()
    assert "scheduler.log" in listed and "app.log.2026-01-05T163501.000001Z" in listed
    page = client.get(f"{PAGE}file/scheduler.log/").content.decode()
    assert "job start: daily_snapshot" in page
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "abcdefgh1234" not in page
    assert "older" in client.get(f"{PAGE}file/app.log.2026-01-05T163501.000001Z/?lines=5000").content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER, Role.RISK])
def test_other_roles_see_neither_list_nor_file(folder: Path, role: str) -> None:
    client = client_of(role)
    assert client.get(PAGE).status_code == client.get(f"{PAGE}file/scheduler.log/").status_code == 403


def test_without_a_login_nothing_is_shown(folder: Path, client: Client) -> None:
    assert client.get(f"{PAGE}file/scheduler.log/").status_code == 302


@pytest.mark.parametrize("name", ["../secret_key", "..%2Fsecret_key", "%2Fetc%2Fpasswd", "secret_key", "unknown.log"])
def test_nothing_outside_the_folder_can_be_read(folder: Path, name: str) -> None:
    answer = client_of(Role.ADMIN).get(f"{PAGE}file/{name}/")
    assert answer.status_code in (302, 404)
    assert b"very secret" not in answer.content


def test_folder_without_logs_says_how_to_get_some(tmp_path: Path, settings: Settings) -> None:
    settings.LOG_DIR, settings.LOG_FILE = tmp_path / "none", tmp_path / "none" / "app.log"
    assert b"manage.py up" in client_of(Role.ADMIN).get(PAGE).content
