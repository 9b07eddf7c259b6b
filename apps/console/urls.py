from django.urls import include, path
from django.views.generic import RedirectView

from apps.console import liveness, views
from apps.console.api.views import StatusView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="desk"), name="home"),
    path("desk/", views.desk, name="desk"),
    path("health", liveness.health, name="health"),
    path("ping", liveness.ping, name="ping"),
    path("status", StatusView.as_view(), name="status"),
    path("api/", include("apps.console.api.urls")),
]
