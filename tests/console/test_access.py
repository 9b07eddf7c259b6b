"""Nobody without a login sees anything but /health, /ping and the login page, on any route there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

pytestmark = pytest.mark.django_db

MACHINES = ("/api/", "/status")
OPEN = {"/health", "/ping", "/admin/login/"}
SAMPLES = {"int": "1", "path": "1", "str": "x", "slug": "x", "uuid": "7c0d0f9e-0000-4000-8000-000000000000"}


def all_routes(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        here = prefix + sample(pattern)
        if isinstance(pattern, URLResolver):
            yield from all_routes(pattern.url_patterns, here)
        else:
            yield here


def sample(pattern: URLPattern | URLResolver) -> str:
    """An address that the pattern matches."""
    route = pattern.pattern
    if not isinstance(route, RoutePattern):
        return "auth/" if "app_label" in str(route) else "no/such/page"
    text = str(route)
    for name, converter in route.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        text = text.replace(f"<{kind}:{name}>", SAMPLES[kind]).replace(f"<{name}>", SAMPLES[kind])
    return text


def routes() -> list[str]:
    return sorted(set(all_routes(get_resolver().url_patterns)))


def test_walk_finds_the_routes_that_matter() -> None:
    found = set(routes())
    assert {
        "/desk/",
        "/status",
        "/api/events/stream",
        "/api/live/positions",
        "/admin/",
        "/admin/journal/event/",
    } <= found
    assert len(found) > 60


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_every_route_refuses_strangers(method: str) -> None:
    client = Client(raise_request_exception=True)
    leaks = []
    for route in routes():
        if route in OPEN:
            continue
        answer = getattr(client, method)(route)
        asks_to_sign_in = answer.status_code == 302 and (
            "/admin/login/" in answer.url or answer.url in ("/desk/", "/admin/")
        )
        if not (asks_to_sign_in or answer.status_code in (401, 403, 405)):
            leaks.append((route, answer.status_code))
    assert leaks == []


@pytest.mark.parametrize("route", sorted(OPEN))
def test_open_routes_are_open(route: str) -> None:
    assert Client().get(route).status_code in (200, 503)


def test_machines_get_json_for_every_refusal() -> None:
    for route in (route for route in routes() if route.startswith(MACHINES) and route != "/api/docs/"):
        answer = Client().get(route)
        assert answer.status_code == 401, route
        assert set(answer.json()) == {"detail"}, route
        assert answer["WWW-Authenticate"] == "Bearer"


def test_signed_in_without_role_is_403_everywhere_in_the_api(make_user: Callable[..., User]) -> None:
    client = Client()
    client.force_login(make_user(role=""))
    for route in (route for route in routes() if route.startswith("/api/") and route != "/api/events/stream"):
        assert client.get(route).status_code == 403, route


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_viewer_cannot_write_through_the_api(method: str, make_token: Callable[..., str]) -> None:
    token = make_token()
    for route in (route for route in routes() if route.startswith(MACHINES) and route != "/api/docs/"):
        answer = getattr(Client(), method)(route, HTTP_AUTHORIZATION=f"Bearer {token}")
        assert answer.status_code in (403, 405), route
        assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize("role", ["viewer", "trader", "risk", "admin"])
def test_every_role_reads_every_page_it_may(role: str, make_user: Callable[..., User]) -> None:
    client = Client()
    client.force_login(make_user(role=role))
    assert client.get("/desk/").status_code == 200
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/journal/event/").status_code == 200
    assert client.get("/admin/auth/user/").status_code == (200 if role == "admin" else 403)


def test_journal_cannot_be_changed_in_the_admin_even_by_a_superuser(admin_client: Client) -> None:
    assert admin_client.get("/admin/journal/event/add/").status_code == 403


def test_session_in_the_api_needs_csrf_for_writes(make_user: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user())
    answer = client.post("/api/history/events")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]
