"""Signing in to the API by token or by session, also for the half minute after the database went away."""

from __future__ import annotations

from typing import Any

from django.db import InterfaceError, OperationalError
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from apps.console import access
from apps.console.access import Credential, Kind, Visitor
from apps.console.api.unavailable import Unavailable
from apps.console.vitals import vitals

DATABASE_AWAY = "database not reachable"


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer tops_...`"""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        credential = access.credential_of(request)
        if credential is None or credential.kind != Kind.TOKEN:
            return None
        visitor = verify(credential, request)
        if visitor is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked.")
        return visitor, credential

    def authenticate_header(self, request: Request) -> str:
        return access.SCHEME


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session with its CSRF check for everything that writes."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        credential = access.credential_of(request)
        if credential is None or credential.kind != Kind.SESSION:
            return None
        visitor = verify(credential, request)
        if visitor is None:
            return None
        self.enforce_csrf(request)
        return visitor, credential


def verify(credential: Credential, request: Request) -> Visitor | None:
    """Ask the database unless it is known to be away; then who was verified in the last 30 s is believed, by the views
    that have an answer without it.

    Raises Unavailable otherwise.
    """
    if not vitals.database_error():
        try:
            return access.visitor_of(credential)
        except (OperationalError, InterfaceError) as error:
            vitals.note_database_error(error)
    view = request.parser_context["view"]
    visitor = access.memory.recall(credential) if getattr(view, "answers_without_database", False) else None
    if visitor is None:
        raise Unavailable(DATABASE_AWAY)
    return visitor


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.console.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.console.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
