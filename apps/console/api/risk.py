"""Metrics, circuit breakers and the last comparison with the broker, for machines."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.broker import selectors as broker
from apps.console import exposition
from apps.console.api.documents import answers
from apps.console.api.serializers import S
from apps.console.selectors.bounded import bounded_read
from apps.console.selectors.metrics import Metric, read_metrics
from apps.risk.breaker_selectors import breaker_views
from apps.risk.models import ReconciliationRun
from apps.risk.reconciliation_selectors import latest_run, open_breaks
from apps.risk.services.breaks import remedy
from tradeops.lib import clock
from tradeops.lib.known import Known


class MetricSerializer(S):
    name = serializers.CharField()
    labels = serializers.DictField(child=serializers.CharField())
    value = serializers.FloatField(allow_null=True)
    as_of = serializers.DateTimeField(allow_null=True)
    unknown = serializers.CharField(allow_null=True, help_text="Why there is no value.")


class BreakerSerializer(S):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["closed", "half-open", "open"])
    state_since = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField()
    failure_threshold = serializers.IntegerField()
    recovery_seconds = serializers.IntegerField()
    opened_at = serializers.DateTimeField(allow_null=True)
    countdown_seconds = serializers.FloatField(allow_null=True, help_text="Until one probe is let through.")
    times_opened = serializers.IntegerField()
    last_failure_at = serializers.DateTimeField(allow_null=True)
    last_failure = serializers.CharField(allow_blank=True)
    last_success_at = serializers.DateTimeField(allow_null=True)


class BreakSerializer(S):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=["position", "order", "execution", "account"])
    state = serializers.ChoiceField(choices=["settling", "open"])
    title = serializers.CharField()
    symbol = serializers.CharField(allow_blank=True)
    ledger_value = serializers.CharField(allow_blank=True)
    broker_value = serializers.CharField(allow_blank=True)
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    remedy = serializers.CharField()


class ReconciliationSerializer(S):
    at = serializers.DateTimeField(allow_null=True)
    verdict = serializers.ChoiceField(choices=["agree", "differ", "unknown"])
    positions_match = serializers.BooleanField(allow_null=True)
    pending_orders_match = serializers.BooleanField(allow_null=True)
    executions_match = serializers.BooleanField(allow_null=True)
    account_value_matches = serializers.BooleanField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
    breaks = BreakSerializer(many=True)


class MetricsView(APIView):
    """Every metric with the time of its value; null and why where nobody knows."""

    @extend_schema(responses=answers(MetricSerializer(many=True)))
    def get(self, request: Request) -> Response:
        with bounded_read():
            return Response([metric_row(metric) for metric in read_metrics(now=clock.now())])


class PrometheusView(APIView):
    """The same for Prometheus: sign in with a token of the role viewer."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        with bounded_read():
            text = exposition.as_text(read_metrics(now=clock.now()))
        return HttpResponse(text, content_type=exposition.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


class BreakersView(APIView):
    """Every circuit breaker: state, failures, countdown."""

    @extend_schema(responses=answers(BreakerSerializer(many=True)))
    def get(self, request: Request) -> Response:
        with bounded_read():
            return Response([view.as_row() for view in breaker_views(now=clock.now())])


class ReconciliationView(APIView):
    """The last comparison of the traded account with the broker, and what differs now."""

    @extend_schema(responses=answers(ReconciliationSerializer))
    def get(self, request: Request) -> Response:
        with bounded_read():
            account = broker.default_account()
            return Response(reconciliation_row(latest_run(account) if account else None))


def metric_row(metric: Metric) -> dict[str, Any]:
    value = metric.value
    known = isinstance(value, Known)
    return {
        "name": metric.name,
        "labels": metric.labels,
        "value": value.value if isinstance(value, Known) else None,
        "as_of": value.as_of.isoformat() if isinstance(value, Known) else None,
        "unknown": None if known else getattr(value, "reason", ""),
    }


def reconciliation_row(run: ReconciliationRun | None) -> dict[str, Any]:
    return {
        "at": run.started_at if run else None,
        "verdict": run.verdict if run else "unknown",
        "positions_match": run.positions_match if run else None,
        "pending_orders_match": run.orders_match if run else None,
        "executions_match": run.executions_match if run else None,
        "account_value_matches": run.account_matches if run else None,
        "problem": run.problem if run else "ledger and broker have never been compared",
        "breaks": [
            {
                **{
                    name: getattr(row, name)
                    for name in ("id", "kind", "state", "title", "ledger_value", "broker_value")
                },
                "symbol": row.instrument.symbol if row.instrument else "",
                "first_seen_at": row.first_seen_at,
                "last_seen_at": row.last_seen_at,
                "remedy": remedy(row),
            }
            for row in open_breaks()
        ],
    }
