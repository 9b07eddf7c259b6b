"""Which person acts: by the name given to a command, or signed in on a page."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError
from django.db.models import QuerySet
from django.http import HttpRequest


def find_person(name: str, *, returncode: int = 1) -> User:
    """The user of this site. Raises CommandError, with the exit code, where there is none."""
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user {name}: `manage.py createsuperuser` makes one.", returncode=returncode)
    return user


def person(request: HttpRequest) -> User:
    """Raises PermissionDenied for anybody else than a person."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def others_with(permission: str, person: User | None) -> QuerySet[User]:
    """Who else could say yes: active people with the permission, by themselves, by a group or as superusers."""
    found: QuerySet[User] = User.objects.with_perm(permission).order_by("username")
    return found.exclude(pk=person.pk) if person else found
