from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class TradeOpsConfig(AppConfig):
    name = "tradeops"
    verbose_name = "TradeOps"


class TradeOpsAdminConfig(AdminConfig):
    default_site = "tradeops.admin_site.TradeOpsAdminSite"
