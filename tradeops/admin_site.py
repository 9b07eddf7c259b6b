"""The control room."""

from django.contrib.admin import AdminSite


class TradeOpsAdminSite(AdminSite):
    site_header = "TradeOps"
    site_title = "TradeOps"
    index_title = "Control room"
    enable_nav_sidebar = True
