from __future__ import annotations

from apps.console.management.commands import web


class Command(web.Command):
    help = "Serve the dashboard: the same pages as `manage.py web`, under the name that the momentum scheduler knew."
