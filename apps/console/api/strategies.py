"""What the momentum strategy says: its newest ranking, its newest advice."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.console.api.documents import TEXT, answers
from apps.console.api.serializers import ErrorSerializer, S
from apps.console.selectors.bounded import bounded_read
from apps.strategies import documents
from apps.strategies import selectors as strategies

NO_SIGNAL = "No momentum signal has been computed yet: the job weekly_rebalance does, and `manage.py signal`."
NO_ADVICE = "No rebalance advice has been given{} yet: the job weekly_rebalance gives it, and `manage.py rebalance`."
LONGEST_CODE = 32


class RankedFundSerializer(S):
    symbol = serializers.CharField()
    sector = serializers.CharField()
    momentum_12_1 = serializers.FloatField()
    rank = serializers.IntegerField()
    target_weight = serializers.FloatField()
    selected = serializers.BooleanField()
    held_over = serializers.BooleanField()
    reason = serializers.CharField()
    month_end_closes = serializers.DictField(child=serializers.FloatField())


class SignalSerializer(S):
    id = serializers.IntegerField()
    signal_date = serializers.DateField()
    computed_at = serializers.DateTimeField()
    rankings = RankedFundSerializer(many=True)
    top_sectors = serializers.ListField(child=serializers.CharField())
    target_weights = serializers.DictField(child=serializers.FloatField())
    cash_weight = serializers.FloatField()
    top_n = serializers.IntegerField()
    incumbents = serializers.ListField(child=serializers.CharField())
    incumbents_from = serializers.CharField(allow_blank=True)
    revision = serializers.IntegerField()


class AdvisedTradeSerializer(S):
    symbol = serializers.CharField()
    con_id = serializers.IntegerField()
    line = serializers.CharField()
    currency = serializers.CharField()
    action = serializers.ChoiceField(choices=["BUY", "SELL"])
    shares_to_trade = serializers.FloatField()
    price = serializers.FloatField()
    price_unit = serializers.CharField(allow_blank=True)
    price_source = serializers.CharField()
    value = serializers.FloatField()
    current_weight = serializers.FloatField()
    target_weight = serializers.FloatField()
    weight_diff = serializers.FloatField()
    reason = serializers.CharField()


class AdviceSerializer(S):
    id = serializers.IntegerField()
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()
    signal = serializers.IntegerField()
    signal_date = serializers.DateField()
    snapshot = serializers.DateTimeField()
    account = serializers.CharField()
    currency = serializers.CharField()
    total_equity = serializers.FloatField()
    cash = serializers.FloatField()
    threshold = serializers.FloatField()
    trades = AdvisedTradeSerializer(many=True)
    buys = serializers.IntegerField()
    sells = serializers.IntegerField()
    buy_value = serializers.FloatField()
    sell_value = serializers.FloatField()
    net_cash_flow = serializers.FloatField()
    warnings = serializers.ListField(child=serializers.CharField())


def found_or_none(success: Any) -> dict[Any, Any]:
    return {**answers(success), 404: ErrorSerializer}


class LatestSignalView(APIView):
    """The newest momentum ranking with its target weights; 404 while there is none."""

    @extend_schema(responses=found_or_none(SignalSerializer))
    def get(self, request: Request) -> Response:
        with bounded_read():
            signal = strategies.latest_signal()
            if signal is None:
                raise NotFound(NO_SIGNAL)
            return Response(documents.signal_document(signal))


class LatestRebalanceView(APIView):
    """The newest rebalance advice, of one account or of any; 404 while there is none. No order was sent for it."""

    @extend_schema(
        parameters=[OpenApiParameter("account", TEXT, OpenApiParameter.QUERY, description="as DU1234567; empty: any")],
        responses=found_or_none(AdviceSerializer),
    )
    def get(self, request: Request) -> Response:
        account = request.query_params.get("account", "").strip().upper()[:LONGEST_CODE].replace("\x00", "")
        with bounded_read():
            advice = strategies.latest_advice(account=account)
            if advice is None:
                raise NotFound(NO_ADVICE.format(f" for account {account}" if account else ""))
            return Response(documents.advice_document(advice))
