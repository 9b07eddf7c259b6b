"""Who acts on a page: a signed-in person with a permission."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest


def has(request: HttpRequest, permission: str) -> bool:
    return isinstance(request.user, User) and request.user.is_active and request.user.has_perm(permission)
