from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from apps.console.api import risk, views
from apps.console.api.emergency import CancelAllView, CloseAllView, HaltView, ReceiptView, ResumeView
from apps.console.api.incidents import AcknowledgeView, IncidentsView
from apps.console.api.jobs import JobsView, RunJobView, RunsView
from apps.console.api.orders import ApproveView, CancelView, ModifyView, OrdersView, OrderView, RejectView
from apps.console.api.snapshots import PositionSnapshotsView
from apps.console.api.strategies import LatestRebalanceView, LatestSignalView
from apps.console.api.stream import events_stream
from apps.console.api.trading import TradingView
from apps.console.permissions import ViewerPermission
from apps.console.views import docs

READERS = [ViewerPermission]

urlpatterns = [
    path("health", views.DatabaseHealthView.as_view(), name="api-health"),
    path("live/account-summary", views.LiveAccountSummaryView.as_view(), name="api-live-account-summary"),
    path("account-summary/latest", views.LiveAccountSummaryView.as_view(), name="api-account-summary-latest"),
    path("live/positions", views.LivePositionsView.as_view(), name="api-live-positions"),
    path("positions/latest", views.LivePositionsView.as_view(), name="api-positions-latest"),
    path("live/open-orders", views.LiveOpenOrdersView.as_view(), name="api-live-open-orders"),
    path("open-orders/latest", views.LiveOpenOrdersView.as_view(), name="api-open-orders-latest"),
    path("strategies/signal/latest", LatestSignalView.as_view(), name="api-strategies-signal-latest"),
    path("strategies/rebalance/latest", LatestRebalanceView.as_view(), name="api-strategies-rebalance-latest"),
    path("snapshots/positions/", PositionSnapshotsView.as_view(), name="api-snapshots-positions"),
    path("incidents/", IncidentsView.as_view(), name="api-incidents"),
    path("incidents/<int:pk>/acknowledge", AcknowledgeView.as_view(), name="api-incident-acknowledge"),
    path("emergency/halt", HaltView.as_view(), name="api-emergency-halt"),
    path("emergency/resume", ResumeView.as_view(), name="api-emergency-resume"),
    path("emergency/cancel-all", CancelAllView.as_view(), name="api-emergency-cancel-all"),
    path("emergency/close-all", CloseAllView.as_view(), name="api-emergency-close-all"),
    path("emergency/<uuid:pk>", ReceiptView.as_view(), name="api-emergency-receipt"),
    path("orders/", OrdersView.as_view(), name="api-orders"),
    path("orders/<uuid:pk>/", OrderView.as_view(), name="api-order"),
    path("orders/<uuid:pk>/approve", ApproveView.as_view(), name="api-order-approve"),
    path("orders/<uuid:pk>/reject", RejectView.as_view(), name="api-order-reject"),
    path("orders/<uuid:pk>/cancel", CancelView.as_view(), name="api-order-cancel"),
    path("orders/<uuid:pk>/modify", ModifyView.as_view(), name="api-order-modify"),
    path("trading", TradingView.as_view(), name="api-trading"),
    path("jobs/", JobsView.as_view(), name="api-jobs"),
    path("jobs/runs/", RunsView.as_view(), name="api-job-runs"),
    path("jobs/<str:name>/run", RunJobView.as_view(), name="api-job-run"),
    path("metrics", risk.MetricsView.as_view(), name="api-metrics"),
    path("breakers/", risk.BreakersView.as_view(), name="api-breakers"),
    path("reconciliation", risk.ReconciliationView.as_view(), name="api-reconciliation"),
    path("history/events", views.EventsView.as_view(), name="api-history-events"),
    path("events", views.EventsView.as_view(), name="api-events"),
    path("events/stream", events_stream, name="api-events-stream"),
    path("schema/", SpectacularJSONAPIView.as_view(permission_classes=READERS), name="api-schema"),
    path("docs/", docs, name="api-docs"),
    re_path(r"^(?P<rest>.*)$", views.UnknownView.as_view(), name="api-unknown"),
]
