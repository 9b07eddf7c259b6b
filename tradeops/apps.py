from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register


class TradeOpsConfig(AppConfig):
    name = "tradeops"
    verbose_name = "TradeOps"


class TradeOpsAdminConfig(SimpleAdminConfig):
    """Admin pages are loaded with the URLs: a gateway, worker or command that shows none starts in half the time."""

    default_site = "tradeops.admin_site.TradeOpsAdminSite"

    def ready(self) -> None:
        register(check_dependencies, Tags.admin)
        register(check_every_page, Tags.admin)


def check_every_page(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    from django.contrib import admin

    admin.autodiscover()
    found: list[CheckMessage] = check_admin_app(app_configs, **kwargs)
    return found
