"""The pages: what every one of them shows, and what none may contain."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.broker.models import GatewaySession
from apps.journal import services as journal
from tests.console.web_process import ROOT
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
PAGES = ["/desk/", "/admin/", "/admin/journal/event/", "/admin/auth/user/", "/admin/auth/group/1/change/", "/api/docs/"]
UPLOT = ROOT / "static" / "vendor" / "uplot"
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son[a-z]+\s*=|\sstyle\s*=|javascript:", re.IGNORECASE)


@pytest.fixture
def people(make_user: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(make_user(role="admin"))
    return client


@pytest.mark.parametrize("path", PAGES)
def test_page_shows_mode_and_session_with_its_age(people: Client, path: str) -> None:
    GatewaySession.objects.create(id=1, state="ready", heartbeat_at=clock.now())
    path = path.replace("group/1/", f"group/{User.objects.get().groups.get().pk}/")
    page = people.get(path).content.decode()
    assert 'class="trading-word">PAPER<' in page
    assert re.search(r'data-part="label">Ready<', page)
    assert re.search(r'data-as-of="\d{4}-\d\d-\d\dT', page)


@pytest.mark.parametrize("path", [*PAGES, "/admin/login/"])
def test_page_keeps_the_strict_content_security_policy(people: Client, path: str) -> None:
    path = path.replace("group/1/", f"group/{User.objects.get().groups.get().pk}/")
    client = Client() if path == "/admin/login/" else people
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert INLINE.findall(answer.content.decode()) == []
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.content.decode())


@pytest.mark.parametrize("age", [None, timedelta(seconds=30), timedelta(days=3)])
def test_silent_gateway_is_unknown_never_its_last_word(people: Client, age: timedelta | None) -> None:
    if age:
        GatewaySession.objects.create(id=1, state="ready", heartbeat_at=clock.now() - age)
    page = people.get("/admin/").content.decode()
    assert "Unknown" in page
    assert "gateway not running" in page
    assert ">Ready<" not in page


def test_live_trading_is_shouted(people: Client, settings: pytest.FixtureRequest) -> None:
    from dataclasses import replace

    settings.BROKER = replace(settings.BROKER, paper_trading=False)  # type: ignore[attr-defined]
    page = people.get("/desk/").content.decode()
    assert 'class="trading-word">LIVE<' in page
    assert "is-live" in page
    assert "PAPER" not in page


def test_simulated_broker_is_named(people: Client, settings: pytest.FixtureRequest) -> None:
    from dataclasses import replace

    settings.BROKER = replace(settings.BROKER, simulated=True)  # type: ignore[attr-defined]
    assert "simulated" in people.get("/desk/").content.decode()


@pytest.mark.parametrize("landmark", ["<main ", "<nav ", "<header ", "skip-link", "<h1>", "<caption", "<noscript>"])
def test_desk_has_its_landmarks(people: Client, landmark: str) -> None:
    assert landmark in people.get("/desk/").content.decode()


def test_every_column_of_the_desk_has_a_header_of_its_own(people: Client) -> None:
    page = people.get("/desk/").content.decode()
    for header in re.findall(r"<th\b[^>]*>", page):
        assert 'scope="col"' in header


def test_desk_starts_as_unknown_not_as_zero(people: Client) -> None:
    page = people.get("/desk/").content.decode()
    values = re.findall(r'data-part="value">([^<]*)<', page)
    assert values
    assert set(values) == {"unknown"}


def test_empty_control_room_says_what_to_do(people: Client) -> None:
    page = people.get("/admin/").content.decode()
    assert "manage.py up" in page
    assert ">0<" not in re.sub(r"\s", "", page.split("Latest events")[0])


@pytest.mark.django_db(transaction=True)
def test_control_room_shows_the_latest_events(people: Client) -> None:
    journal.record(step="Session", message="a thing worth knowing")
    assert "a thing worth knowing" in people.get("/admin/").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/admin/", "/admin/journal/event/", "/desk/", "/api/history/events?limit=50"])
def test_number_of_queries_does_not_grow_with_the_rows(people: Client, path: str) -> None:
    def queries(rows: int) -> int:
        for index in range(rows):
            journal.record(step="Test", message=str(index))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert people.get(path).status_code == 200
        return len(captured)

    assert queries(1) == queries(300)


@pytest.mark.django_db(transaction=True)
def test_event_list_never_counts_the_whole_journal(people: Client) -> None:
    journal.record(step="Test", message="one")
    with CaptureQueriesContext(connection) as captured:
        people.get("/admin/journal/event/")
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"].upper()]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)


@pytest.mark.parametrize(("path", "status"), [("/nothing/here/", 404), ("/admin/nothing/", 404)])
def test_missing_page_is_friendly(people: Client, path: str, status: int) -> None:
    answer = people.get(path)
    assert answer.status_code == status
    assert "There is nothing here" in answer.content.decode()
    assert INLINE.findall(answer.content.decode()) == []


def test_failing_page_is_friendly_and_asks_the_database_nothing(people: Client) -> None:
    from django.test import RequestFactory

    from apps.console.views import server_error

    with CaptureQueriesContext(connection) as captured:
        answer = server_error(RequestFactory().get("/desk/"))
    assert (answer.status_code, len(captured)) == (500, 0)
    assert "Something went wrong" in answer.content.decode()


def test_root_leads_to_the_desk(people: Client) -> None:
    assert people.get("/").url == "/desk/"


@pytest.mark.parametrize("line", (UPLOT / "SHA256SUMS").read_text().splitlines())
def test_vendored_file_is_the_published_one(line: str) -> None:
    digest, name = line.split()
    assert hashlib.sha256((UPLOT / name).read_bytes()).hexdigest() == digest


def test_every_vendored_file_has_a_checksum_and_its_licence() -> None:
    listed = {line.split()[1] for line in (UPLOT / "SHA256SUMS").read_text().splitlines()}
    assert listed == {path.name for path in UPLOT.iterdir()} - {"SHA256SUMS"}
    assert "MIT" in (UPLOT / "LICENSE").read_text()


def test_own_scripts_use_no_eval_and_no_markup_from_data() -> None:
    for path in Path(ROOT / "static" / "console").rglob("*.js"):
        assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", path.read_text()), (
            path
        )
