from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate

from tradeops.lib import freshness


class ConsoleConfig(AppConfig):
    name = "apps.console"
    verbose_name = "Console"

    def ready(self) -> None:
        from apps.console.fresh import ask_password, note_login
        from apps.console.roles import create_roles

        # Permissions are made by auth's own receiver, which is connected first; ours needs those of every app.
        post_migrate.connect(create_roles, sender=self)
        freshness.keep(ask_password)
        user_logged_in.connect(note_login)
