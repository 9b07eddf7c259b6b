"""Snapshots for machines: how open option trades stood, day by day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.console.api.documents import TEXT, answers, whole_number
from apps.console.api.parameters import BadParameter, read_integer
from apps.console.api.serializers import S
from apps.console.selectors.bounded import bounded_read
from apps.snapshots import selectors as snapshots
from apps.snapshots.domain.position import FIELDS
from apps.snapshots.models import PositionSnapshot

MOST = 200
LARGEST_ID = 2**63 - 1
LONGEST_TEXT = 32


class PositionSnapshotSerializer(S):
    id = serializers.IntegerField()
    trade_id = serializers.IntegerField(allow_null=True)
    account = serializers.CharField()
    symbol = serializers.CharField()
    contract = serializers.CharField()
    con_id = serializers.IntegerField()
    currency = serializers.CharField()
    snapshot_date = serializers.DateField()
    captured_at = serializers.DateTimeField()
    price_source = serializers.CharField(allow_blank=True)
    stock_price_source = serializers.CharField(allow_blank=True)
    missing = serializers.DictField(child=serializers.CharField())
    note = serializers.CharField(allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        numbers = {name: serializers.FloatField(allow_null=True) for name in FIELDS}
        return {**super().get_fields(), **numbers, "dte_remaining": serializers.IntegerField(allow_null=True)}


class PositionSnapshotsSerializer(S):
    snapshots = PositionSnapshotSerializer(many=True)
    next_before = serializers.IntegerField(allow_null=True)


class PositionSnapshotsView(APIView):
    """Position snapshots, the newest day first. `next_before` is the `before` of the next page, null on the last one.

    What is unknown is null, never 0, and `missing` says why. Fractions, not per cents.
    """

    @extend_schema(
        parameters=[
            OpenApiParameter("trade", OpenApiTypes.INT64, description="Only of the trade of this id"),
            OpenApiParameter("symbol", TEXT, description="Only of options on this symbol, as SPY"),
            OpenApiParameter("account", TEXT, description="as DU1234567; empty: any"),
            OpenApiParameter("first", OpenApiTypes.DATE, description="Only of this trading day and later ones"),
            OpenApiParameter("last", OpenApiTypes.DATE, description="Only of this trading day and earlier ones"),
            whole_number("limit", 50, 1, MOST),
            OpenApiParameter("before", OpenApiTypes.INT64, description="Only those that come after the one of this id"),
        ],
        responses=answers(PositionSnapshotsSerializer),
    )
    def get(self, request: Request) -> Response:
        try:
            limit = read_integer(request._request, "limit", 50, low=1, high=MOST)
            with bounded_read():
                rows = list(chosen(request)[: limit + 1])
        except BadParameter as error:
            raise ValidationError({"detail": str(error)}) from None
        more = rows[limit - 1].pk if len(rows) > limit else None
        shown = [snapshots.position_document(row) for row in rows[:limit]]
        return Response({"snapshots": shown, "next_before": more})


def chosen(request: Request) -> QuerySet[PositionSnapshot]:
    rows, given = snapshots.position_snapshots(), request.query_params
    if "trade" in given:
        rows = rows.filter(trade=read_integer(request._request, "trade", 0, low=1, high=LARGEST_ID))
    if symbol := read_text(given.get("symbol")):
        rows = rows.filter(instrument__symbol=symbol)
    if account := read_text(given.get("account")):
        rows = rows.filter(account__code=account)
    if first := read_day(request, "first"):
        rows = rows.filter(snapshot_date__gte=first)
    if last := read_day(request, "last"):
        rows = rows.filter(snapshot_date__lte=last)
    return older_than(rows, request)


def older_than(rows: QuerySet[PositionSnapshot], request: Request) -> QuerySet[PositionSnapshot]:
    if "before" not in request.query_params:
        return rows
    before = read_integer(request._request, "before", 0, low=1, high=LARGEST_ID)
    day = PositionSnapshot.objects.filter(pk=before).values_list("snapshot_date", flat=True).first()
    if day is None:
        raise BadParameter(f"before must be the id of a snapshot; there is no snapshot {before}.")
    return rows.filter(Q(snapshot_date__lt=day) | Q(snapshot_date=day, pk__lt=before), snapshot_date__lte=day)


def read_text(text: str | None) -> str:
    return (text or "").strip().upper()[:LONGEST_TEXT].replace("\x00", "")


def read_day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadParameter(f"{name} must be a date as 2026-01-31, not {text[:40]!r}.") from None
