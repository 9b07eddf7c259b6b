from django.apps import AppConfig

from tradeops.lib import breaking


class RiskConfig(AppConfig):
    name = "apps.risk"
    verbose_name = "Risk"

    def ready(self) -> None:
        from apps.risk.breaker_keeper import DatabaseKeeper

        breaking.keep(DatabaseKeeper())
