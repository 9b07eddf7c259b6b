"""Who else could say yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def others_with(permission: str, person: User | None) -> QuerySet[User]:
    """Active people with the permission, by themselves, by a group or as superusers, apart from this one."""
    found: QuerySet[User] = get_user_model().objects.with_perm(permission).order_by("username")
    return found.exclude(pk=person.pk) if person else found
