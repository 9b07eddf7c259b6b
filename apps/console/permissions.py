from __future__ import annotations

from typing import Any

from django.views import View
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.console.roles import HANDLE_INCIDENT, VIEW_DESK


class ViewerPermission(BasePermission):
    """Every role may read. Whatever writes must name a permission of its own."""

    message = "Your role does not allow this: ask an administrator for the viewer role."

    def has_permission(self, request: Request, view: View | Any) -> bool:
        return request.method in SAFE_METHODS and bool(
            request.user and request.user.is_authenticated and request.user.has_perm(VIEW_DESK)
        )


class IncidentPermission(BasePermission):
    message = "Your role does not allow this: ask an administrator for the trader role."

    def has_permission(self, request: Request, view: View | Any) -> bool:
        return bool(request.user and request.user.is_authenticated and request.user.has_perm(HANDLE_INCIDENT))
