"""Four roles, each with all that the one before has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from apps.console.choices import Role
from apps.console.exceptions import UnknownRole
from apps.console.roles import RISK_MAY, TRADERS_MAY, assign_role, create_roles, permissions_of_role
from apps.journal import selectors as journal

pytestmark = pytest.mark.django_db


def test_roles_exist_after_migration() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(Role.values)


def test_each_role_holds_everything_of_the_one_before() -> None:
    granted = [permissions_of_role(role) for role in Role]
    assert all(lower < higher for lower, higher in zip(granted, granted[1:], strict=False))


@pytest.mark.parametrize(
    ("role", "permission", "held"),
    [
        ("viewer", "console.view_desk", True),
        ("viewer", "journal.view_event", True),
        ("viewer", "broker.view_position", True),
        ("viewer", "console.trade", False),
        ("viewer", "jobs.run_job", False),
        ("viewer", "auth.view_user", False),
        ("trader", "console.trade", True),
        ("trader", "jobs.run_job", True),
        ("trader", "console.manage_risk", False),
        *[("viewer", name, False) for name in (*TRADERS_MAY, *RISK_MAY)],
        *[("trader", name, True) for name in TRADERS_MAY],
        *[("trader", name, False) for name in RISK_MAY],
        *[(role, name, True) for role in ("risk", "admin") for name in (*TRADERS_MAY, *RISK_MAY)],
        ("risk", "console.manage_risk", True),
        ("risk", "auth.change_user", False),
        ("admin", "auth.change_user", True),
    ],
)
def test_role_grants_exactly_what_it_should(role: str, permission: str, held: bool) -> None:
    assert (permission in permissions_of_role(role)) is held


def test_assigning_a_role_replaces_the_old_one(make_user: Callable[..., User]) -> None:
    user = make_user(role="trader")
    assign_role(user=user, role="viewer", actor="root")
    assert [group.name for group in user.groups.all()] == ["viewer"]
    assert User.objects.get(pk=user.pk).has_perm("console.view_desk")
    assert not User.objects.get(pk=user.pk).has_perm("console.trade")


@pytest.mark.django_db(transaction=True)
def test_assigning_a_role_is_in_the_journal(make_user: Callable[..., User]) -> None:
    make_user(role="risk")
    event = journal.latest_events(limit=1)[0]
    assert (event.step, event.message) == ("Role", "vera has role risk")


def test_unknown_role_is_refused_by_name(make_user: Callable[..., User]) -> None:
    with pytest.raises(UnknownRole, match="viewer, trader, risk, admin"):
        assign_role(user=make_user(role=""), role="king", actor="root")


def test_roles_keep_what_a_person_added_by_hand() -> None:
    viewer = Group.objects.get(name="viewer")
    extra = Group.objects.get(name="admin").permissions.get(codename="change_user")
    viewer.permissions.add(extra)
    create_roles()
    assert extra in viewer.permissions.all()
