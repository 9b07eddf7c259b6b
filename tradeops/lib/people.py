"""Which person acts: by the name given to a command, or signed in on a page."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandError
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
