from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "apps.broker"
    verbose_name = "Broker"

    def ready(self) -> None:
        from apps.broker import checks  # noqa: F401 - registers them
