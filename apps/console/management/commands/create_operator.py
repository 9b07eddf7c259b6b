from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Create an administrator with a random password, shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="operator", help="login name (%(default)s)")
        parser.add_argument("--first", action="store_true", help="do nothing when any user exists already")

    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"]
        if options["first"] and User.objects.exists():
            return
        if User.objects.filter(username=username).exists():
            raise CommandError(
                f"User {username} exists. Set a new password with `manage.py changepassword {username}`."
            )
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser(username, password=password)
        self.stdout.write("=" * 64)
        self.stdout.write(f"  Log in as  {username}  with the password  {password}")
        self.stdout.write("  It is shown this once. Change it under your name, top right.")
        self.stdout.write("=" * 64)
