"""Strangers see nothing but /health, /ping and the login page, and each role presses what it may and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from pytest_django import Settings

from apps.broker import services as broker
from apps.broker.choices import OrderState, Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun, LiveUnlock, Order, TradingState
from apps.console.api import emergency as emergency_api
from apps.console.choices import Role
from apps.console.models import ApiToken
from apps.console.trading import stop_views
from apps.jobs.models import JobRun, JobSchedule
from apps.journal.models import Incident
from apps.risk.choices import BreakKind, BreakState
from apps.risk.models import Break, Breaker, LimitRevision, OpeningBalance, ReconciliationRun, Restriction
from apps.risk.services import breakers
from apps.strategies.models import ParametersRevision
from tests.broker.ledger.builders import make_account, make_instrument, make_order
from tests.console import presses
from tests.console.presses import ACTIONS, EDITABLE, LOOKS, PRESSES, Press, World
from tradeops.lib import clock

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


# What a press may change.
TABLES: list[type[Model]] = [
    *(Order, EmergencyRun, TradingState, LiveUnlock, LimitRevision, Restriction, Breaker, Break, OpeningBalance),
    *(ReconciliationRun, ParametersRevision, JobSchedule, JobRun, Incident),
]
STANDARD = re.compile(r"admin:\w+_(changelist|add|history|delete|change|password_change)$")
ROLES = tuple(Role.values)


@pytest.fixture
def world(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT")
    for module in (emergency_api, stop_views):
        # A thread would go on in the next test's database.
        monkeypatch.setattr(module, "drive", lambda run: None)
    account, instrument, now = make_account(), make_instrument(as_of=clock.now()), clock.now()
    working = make_order(instrument=instrument)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.WORKING):
        Order.objects.filter(pk=working.pk).update(state=state)
    denied = make_order(instrument=instrument)
    denied.verdicts.create(
        is_approved=False, reasons=[{"code": "ORDER_VALUE", "sentence": "It is worth too much."}], asked_by="ann"
    )
    broker.deny_order(order_id=denied.pk, reason="It is worth too much.", actor="risk")
    broker.set_trading_state(
        scope=Scope.STRATEGY, target="old", permission=TradingPermission.HALTED, source=StopSource.MANUAL,
        reason="drill", actor="ann",
    )  # fmt: skip
    breakers.ensure_breakers()
    for _ in range(5):
        breakers.note_outcome(name="market_data", problem="timed out")
    return World(
        instrument=instrument,
        waiting=make_order(instrument=instrument, expires_at=now + timedelta(minutes=10)),
        working=working,
        denied=denied,
        limit=LimitRevision.objects.create(
            name="MAX_ORDER_VALUE", scope="everything", value=Decimal("0.5"), reason="drill", loosens=True,
            proposed_by="ann", proposed_at=now, state="pending",
        ),
        restriction=Restriction.objects.create(con_id=2, symbol="AAPL", reason="earnings", set_by="ann"),
        broken=Break.objects.create(
            account=account, instrument=instrument, kind=BreakKind.POSITION, subject=str(instrument.con_id),
            state=BreakState.OPEN, title="SPY differs", ledger_value="0", broker_value="7",
            first_seen_at=now, last_seen_at=now,
        ),
        incident=Incident.objects.create(key="drill", title="drill", severity="warning"),
        run=JobRun.objects.create(job="snapshot", slot=now, max_attempts=3, started_by="schedule"),
    )  # fmt: skip


def picture() -> list[Any]:
    return [list(table._default_manager.order_by("pk").values()) for table in TABLES]


def named_routes(patterns: list[URLPattern | URLResolver], space: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from named_routes(pattern.url_patterns, inner)
        elif pattern.name:
            yield space + pattern.name


def test_every_route_is_in_the_table_of_presses_or_only_shows() -> None:
    own = {name for name in named_routes(get_resolver().url_patterns) if not STANDARD.match(name)}
    decided = {name for name in PRESSES if not STANDARD.match(name)} | LOOKS
    assert own - decided == set(), "who may press it? Decide in tests/console/presses.py"
    assert decided - own == set(), "no such route any more"
    assert not set(PRESSES) & LOOKS


def as_role(role: str, make_user: Callable[..., User]) -> Any:
    request = RequestFactory().get("/admin/")
    request.user = make_user(f"{role or 'no'}-role", role)
    return request


def test_every_action_and_editable_table_of_the_admin_is_in_the_table(make_user: Callable[..., User]) -> None:
    """By the least role that is offered it; nobody is offered what stands in no table."""
    admin.autodiscover()
    requests = {role: as_role(role, make_user) for role in ("", *ROLES)}
    actions: dict[str, str] = {}
    editable: dict[str, str] = {}
    for role, request in requests.items():
        for model, model_admin in admin.site._registry.items():
            for action in model_admin.get_actions(request):
                actions.setdefault(f"{model._meta.label}:{action}", role)
            for what in ("add", "change", "delete"):
                if getattr(model_admin, f"has_{what}_permission")(request):
                    editable.setdefault(f"{model._meta.label}:{what}", role)
    assert actions == ACTIONS, "who may press it? Decide in tests/console/presses.py"
    assert editable == EDITABLE, "who may change it? Decide in tests/console/presses.py"


def send(client: Client, world: World, press: Press) -> Any:
    path, body = world.path(press.path), press.body(world)
    if path.startswith("/api/"):
        return client.post(path, body, content_type=presses.JSON, headers={"Idempotency-Key": "a-key-of-this-test"})
    return client.post(path, body)


def is_refused(answer: Any) -> bool:
    return answer.status_code in (401, 403, 405) or (answer.status_code == 302 and "/login/" in answer.url)


def tried(client: Client, world: World, press: Press, halt_flag: Path) -> tuple[bool, bool, int]:
    """Past the door? Anything changed? And the status; all of it is undone."""
    before = picture()
    with transaction.atomic():
        answer = send(client, world, press)
        changed = picture() != before or halt_flag.exists()
        transaction.set_rollback(True)
    halt_flag.unlink(missing_ok=True)
    assert answer.status_code < 500, (press, answer.content)
    return not is_refused(answer), changed, answer.status_code


def rank(role: str) -> int:
    return ROLES.index(role) if role in ROLES else -1


@pytest.mark.mission(193)
@pytest.mark.parametrize("role", ["anonymous", "", *ROLES])
def test_each_role_presses_what_it_may_and_changes_nothing_else(
    world: World, settings: Settings, make_user: Callable[..., User], role: str
) -> None:
    client = Client()
    if role != "anonymous":
        client.force_login(make_user("pressing", role))
    assert settings.BROKER.halt_flag is not None
    wrong = []
    for name, press in PRESSES.items():
        entered, changed, status = tried(client, world, press, settings.BROKER.halt_flag)
        may_enter = rank(role) >= rank(press.enters)
        may_act = bool(press.least_to_act) and rank(role) >= rank(press.least_to_act)
        if entered != may_enter or changed != may_act:
            wrong.append((name, status, f"entered: {entered}, changed: {changed}"))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.mission(193)
@pytest.mark.parametrize("role", [*ROLES, "expired", "revoked"])
def test_each_token_presses_what_its_role_may_and_never_what_takes_a_person(
    world: World, settings: Settings, make_token: Callable[..., str], role: str
) -> None:
    text = make_token("machine", role if role in ROLES else "admin")
    if role == "expired":
        ApiToken.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    elif role == "revoked":
        ApiToken.objects.update(revoked_at=clock.now())
    client = Client(headers={"Authorization": f"Bearer {text}"})
    assert settings.BROKER.halt_flag is not None
    wrong = []
    for name, press in PRESSES.items():
        entered, changed, status = tried(client, world, press, settings.BROKER.halt_flag)
        allowed = press.by_token and rank(role) >= rank(press.enters)
        may_act = bool(press.least_to_act) and allowed
        if entered != allowed or changed != may_act:
            wrong.append((name, status, f"entered: {entered}, changed: {changed}"))
    assert not wrong, "\n".join(map(str, wrong))
    looks = [client.get(f"/api/{path}").status_code for path in ("trading", "orders/", "breakers/", "metrics")]
    assert looks == [200 if role in ROLES else 401] * 4


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_a_post_changes_anything(world: World, make_user: Callable[..., User], method: str) -> None:
    client, before = Client(), picture()
    client.force_login(make_user("pressing", "admin"))
    for name, press in PRESSES.items():
        as_json = {} if method == "get" else {"content_type": presses.JSON}
        answer = getattr(client, method)(world.path(press.path), press.body(world), **as_json)
        assert answer.status_code < 500 and picture() == before, name


@pytest.mark.parametrize("role", ["", *ROLES])
def test_each_role_acts_on_rows_of_the_admin_as_it_may(world: World, make_user: Callable[..., User], role: str) -> None:
    client = Client()
    client.force_login(make_user("pressing", role))
    targets = {"risk.LimitRevision": world.limit, "risk.Restriction": world.restriction}
    for key, least in ACTIONS.items():
        label, action = key.split(":")
        if label not in targets:
            continue
        app, model = label.lower().split(".")
        before = picture()
        with transaction.atomic():
            client.post(f"/admin/{app}/{model}/", {"action": action, "_selected_action": [targets[label].pk]})
            changed = picture() != before
            transaction.set_rollback(True)
        assert changed is (rank(role) >= rank(least)), key
