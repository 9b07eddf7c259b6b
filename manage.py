#!/usr/bin/env python
"""Django's command line, with one line and a remedy where the database cannot be reached."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradeops.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import BaseCommand, execute_from_command_line
    from django.db import OperationalError

    # Django's checks load every page. Gateway and worker name those that they need; `check` and `doctor` look at all.
    BaseCommand.requires_system_checks = ()

    try:
        execute_from_command_line(with_underscores(sys.argv))
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration refused: {error}")
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        sys.exit(
            f"Database not reachable: {reason}\n"
            "Start the platform with `manage.py up`, or set DATABASE_URL to a running PostgreSQL."
        )


def with_underscores(arguments: list[str]) -> list[str]:
    """`run-job` is `run_job`: the originals wrote their commands with hyphens."""
    program, *rest = arguments
    if rest and not rest[0].startswith("-"):
        rest[0] = rest[0].replace("-", "_")
    return [program, *rest]


if __name__ == "__main__":
    main()
