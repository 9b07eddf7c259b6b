"""How trading stands, for pages that stay open and for machines."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.broker.choices import Scope, TradingPermission
from apps.console.api.documents import answers
from apps.console.api.serializers import S
from apps.console.selectors.bounded import bounded_read
from apps.console.selectors.trading import trading_section
from tradeops.lib import clock


class StopSerializer(S):
    scope = serializers.ChoiceField(choices=Scope.choices)
    target = serializers.CharField(allow_blank=True)
    where = serializers.CharField()
    source_name = serializers.CharField()
    permission = serializers.ChoiceField(choices=TradingPermission.choices)
    permission_label = serializers.CharField()
    reason = serializers.CharField()
    by = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    ends = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """`source` and `label` mean something else to serializers."""
        return {**super().get_fields(), "source": serializers.CharField()}


class TradingSerializer(S):
    permission = serializers.ChoiceField(choices=TradingPermission.choices)
    tone = serializers.CharField()
    stops = StopSerializer(many=True)
    as_of = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "label": serializers.CharField()}


class TradingView(APIView):
    """May be traded, and who stopped what, why and since when."""

    @extend_schema(responses=answers(TradingSerializer))
    def get(self, request: Request) -> Response:
        with bounded_read():
            return Response(trading_section(clock.now()))
