from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConsoleConfig(AppConfig):
    name = "apps.console"
    verbose_name = "Console"

    def ready(self) -> None:
        from apps.console.roles import create_roles

        # Permissions are made by auth's own receiver, which is connected first; ours needs those of every app.
        post_migrate.connect(create_roles, sender=self)
