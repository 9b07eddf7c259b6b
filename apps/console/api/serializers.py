"""The shapes of the API, for its description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

S = serializers.Serializer[Any]


class ErrorSerializer(S):
    detail = serializers.CharField()


class EventSerializer(S):
    id = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    level = serializers.ChoiceField(choices=["INFO", "WARN", "ERROR"])
    symbol = serializers.CharField(allow_blank=True)
    step = serializers.CharField()
    message = serializers.CharField(allow_blank=True)


class AccountValueSerializer(S):
    tag = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    currency = serializers.CharField(allow_blank=True)


class PositionSerializer(S):
    symbol = serializers.CharField()
    exchange = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    position = serializers.FloatField()
    avg_cost = serializers.FloatField(allow_null=True)
    market_price = serializers.FloatField(allow_null=True)
    market_value = serializers.FloatField(allow_null=True)
    unrealised_pnl = serializers.FloatField(allow_null=True)
    realised_pnl = serializers.FloatField(allow_null=True)


class OpenOrderSerializer(S):
    order_id = serializers.IntegerField()
    symbol = serializers.CharField()
    exchange = serializers.CharField(allow_blank=True)
    currency = serializers.CharField()
    action = serializers.CharField()
    order_type = serializers.CharField()
    total_qty = serializers.FloatField()
    filled = serializers.FloatField()
    remaining = serializers.FloatField()
    status = serializers.CharField()
    lmt_price = serializers.FloatField(allow_null=True)
    aux_price = serializers.FloatField(allow_null=True)


class DatabaseHealthSerializer(S):
    status = serializers.ChoiceField(choices=["ok", "degraded"])
    db_ok = serializers.BooleanField()
    db_error = serializers.CharField(allow_null=True)
    db_path = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())


class JobStatusSerializer(S):
    last_start = serializers.DateTimeField(allow_null=True)
    last_end = serializers.DateTimeField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    last_success = serializers.DateTimeField(allow_null=True)


class SessionStatusSerializer(S):
    state = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    as_of = serializers.DateTimeField(allow_null=True)


class BotStatusSerializer(S):
    running = serializers.BooleanField()
    last_heartbeat = serializers.DateTimeField(allow_null=True)


class ApiStatusSerializer(S):
    connected = serializers.BooleanField()


class FindingSerializer(S):
    key = serializers.CharField()
    severity = serializers.ChoiceField(choices=["info", "warning", "critical"])
    sentence = serializers.CharField()
    remedy = serializers.CharField()


class StatusSerializer(S):
    health_status = serializers.ChoiceField(choices=["healthy", "unhealthy"])
    healthy = serializers.BooleanField()
    problems = serializers.ListField(child=serializers.CharField())
    findings = FindingSerializer(many=True)
    timestamp = serializers.DateTimeField()
    scheduler_started = serializers.DateTimeField(allow_null=True)
    last_heartbeat = serializers.DateTimeField(allow_null=True)
    jobs = serializers.DictField(child=JobStatusSerializer())
    bot = BotStatusSerializer()
    api = ApiStatusSerializer()
    session = SessionStatusSerializer()
    trading_mode = serializers.ChoiceField(choices=["paper", "live"])
    simulated = serializers.BooleanField()
