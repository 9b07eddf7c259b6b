"""`manage.py api_token create|list|revoke`: keys for machines."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.console import tokens
from apps.console.choices import Role
from apps.console.exceptions import ConsoleError
from apps.console.models import ApiToken
from apps.console.roles import PROPOSE_ORDER, permissions_of_role
from tradeops.lib.people import find_person


class Command(BaseCommand):
    help = "Create, list and revoke tokens for the API (Authorization: Bearer ...)."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a token; its text is shown once")
        create.add_argument("name")
        create.add_argument("--role", choices=Role.values, default=Role.VIEWER)
        create.add_argument("--user", default="", help="whose it is; required for roles that may order")
        create.add_argument("--days", type=int, default=None, help="valid for so many days (default: no end)")
        actions.add_parser("list", help="show all tokens, without their text")
        actions.add_parser("revoke", help="end a token at once").add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["action"])(**options)
        except ConsoleError as error:
            raise CommandError(str(error)) from None

    def create(self, *, name: str, role: str, days: int | None, user: str, **_: Any) -> None:
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days must be from 1 to 3650.")
        person = find_person(user) if user else None
        if person is None and PROPOSE_ORDER in permissions_of_role(role):
            raise CommandError(f"A token of the role {role} may order: say whose it is (--user).")
        text = tokens.create_token(name=name, role=role, days=days, actor=getpass.getuser(), person=person)
        self.stderr.write(f"Token {name!r} with role {role}. Keep it now: it cannot be shown again.")
        self.stdout.write(text)

    def list(self, **_: Any) -> None:
        for token in ApiToken.objects.all():
            self.stdout.write(
                f"{token.name:<24} {token.prefix + '...':<14} {token.role:<8} {state_of(token):<28} "
                f"last used {token.last_used_at:%Y-%m-%d %H:%M} UTC"
                if token.last_used_at
                else f"{token.name:<24} {token.prefix + '...':<14} {token.role:<8} {state_of(token):<28} never used"
            )

    def revoke(self, *, name: str, **_: Any) -> None:
        tokens.revoke_token(name=name, actor=getpass.getuser())
        self.stdout.write(f"Token {name!r} is revoked.")


def state_of(token: ApiToken) -> str:
    if token.revoked_at:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    if token.expires_at:
        return f"until {token.expires_at:%Y-%m-%d %H:%M} UTC"
    return "active"
