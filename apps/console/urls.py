from django.urls import include, path
from django.views.generic import RedirectView

from apps.console import liveness, views
from apps.console.api.risk import PrometheusView
from apps.console.api.views import StatusView
from apps.console.trading import stop_views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="desk"), name="home"),
    path("desk/", views.desk, name="desk"),
    path("connection/", views.connection, name="broker-connection"),
    path("stop/", stop_views.stop_trading, name="stop-trading"),
    path("stop/resume/", stop_views.resume_trading, name="resume-trading"),
    path("health", liveness.health, name="health"),
    path("ping", liveness.ping, name="ping"),
    path("status", StatusView.as_view(), name="status"),
    path("metrics", PrometheusView.as_view(), name="metrics"),
    path("api/", include("apps.console.api.urls")),
]
