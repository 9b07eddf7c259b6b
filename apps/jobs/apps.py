from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "apps.jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        from apps.jobs import checks  # noqa: F401 - registers itself

        autodiscover_modules("tasks")
        post_migrate.connect(create_schedules, sender=self)


def create_schedules(**kwargs: Any) -> None:
    from apps.jobs import services
    from tradeops.lib import clock

    services.ensure_schedules(now=clock.now())
