"""The four roles as groups of Django's auth, so that admin, API and sockets ask the same question."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q

from apps.console.choices import Role
from apps.console.exceptions import UnknownRole
from apps.journal import services as journal
from apps.journal.choices import Level

VIEW_DESK = "console.view_desk"
TRADE = "console.trade"
MANAGE_RISK = "console.manage_risk"
HANDLE_INCIDENT = "journal.handle_incident"
PROPOSE_ORDER = "broker.propose_order"
APPROVE_ORDER = "broker.approve_order"
CANCEL_ORDER = "broker.cancel_order"
HALT_TRADING = "broker.halt_trading"
RESUME_TRADING = "broker.resume_trading"
APPROVE_LIMITS = "risk.approve_limits"
TRADERS_MAY = (PROPOSE_ORDER, CANCEL_ORDER)
RISK_MAY = (
    *(APPROVE_ORDER, HALT_TRADING, RESUME_TRADING, "risk.change_limits", APPROVE_LIMITS),
    *("risk.reset_breaker", "risk.run_reconciliation", "risk.book_correction"),
    *("broker.add_cashflow", "broker.delete_cashflow"),
)

# What every role may look at: everything of the platform's own, never accounts of people or tokens.
HIDDEN_APPS = ("auth", "admin", "contenttypes", "sessions", "django_q", "console")
ADMINISTERED_APPS = ("auth", "console")


def create_roles(**_: Any) -> None:
    """Create the groups and grant what they lack. Grants that a person added by hand stay."""
    for role in Role:
        group, _created = Group.objects.get_or_create(name=role.value)
        group.permissions.add(*permissions_of(role))


def permissions_of(role: Role) -> list[Permission]:
    look = Q(codename__startswith="view_") & ~Q(content_type__app_label__in=HIDDEN_APPS)
    wanted = look | console("view_desk")
    if role in (Role.TRADER, Role.RISK, Role.ADMIN):
        wanted |= console("trade") | Q(content_type__app_label="jobs", codename="run_job")
        wanted |= named(HANDLE_INCIDENT, *TRADERS_MAY)
    if role in (Role.RISK, Role.ADMIN):
        wanted |= console("manage_risk") | named(*RISK_MAY)
    if role == Role.ADMIN:
        wanted |= ~Q(content_type__app_label__in=HIDDEN_APPS) | Q(content_type__app_label__in=ADMINISTERED_APPS)
    return list(Permission.objects.filter(wanted))


def console(codename: str) -> Q:
    return Q(content_type__app_label="console", codename=codename)


def named(*permissions: str) -> Q:
    wanted = Q()
    for permission in permissions:
        app, codename = permission.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return wanted


@transaction.atomic
def assign_role(*, user: User, role: str, actor: str) -> None:
    """Make `role` the user's only role and let the user sign in.

    Raises UnknownRole.
    """
    if role not in Role.values:
        raise UnknownRole(f"There is no role {role!r}: choose one of {', '.join(Role.values)}.")
    user.groups.remove(*Group.objects.filter(name__in=Role.values))
    user.groups.add(Group.objects.get(name=role))
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    journal.record(
        step="Role", message=f"{user.username} has role {role}", level=Level.WARN, scope="console", actor=actor
    )


def permissions_of_role(role: str) -> frozenset[str]:
    """`app.codename` of everything the role's group grants now."""
    rows = Permission.objects.filter(group__name=role).values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{codename}" for app, codename in rows)
