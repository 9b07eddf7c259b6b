"""What machines read. Each view parses, asks one function and answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.console import live
from apps.console.api import rows, serializers
from apps.console.api.documents import answers, whole_number
from apps.console.api.parameters import BadParameter, read_integer
from apps.console.live import Question
from apps.console.selectors.bounded import bounded_read
from apps.console.selectors.database import database_health
from apps.console.selectors.status import platform_status
from apps.console.wire import event_row
from apps.journal import selectors as journal
from tradeops.lib import clock


class EventsView(APIView):
    """The journal, newest first."""

    @extend_schema(
        parameters=[whole_number("limit", 200, 1, 2000)], responses=answers(serializers.EventSerializer(many=True))
    )
    def get(self, request: Request) -> Response:
        try:
            limit = read_integer(request._request, "limit", 200, low=1, high=2000)
        except BadParameter as error:
            raise ValidationError({"detail": str(error)}) from None
        with bounded_read():
            return Response([event_row(event) for event in journal.latest_events(limit=limit)])


class LiveView(APIView):
    """The broker's answer of this moment, or 503 with the reason."""

    question: Question
    row: Any

    def answer(self) -> Response:
        return Response([self.row(item) for item in self.question.ask() if self.row(item) is not None])


class LiveAccountSummaryView(LiveView):
    question = live.account_summary
    row = staticmethod(rows.account_value_row)

    @extend_schema(responses=answers(serializers.AccountValueSerializer(many=True)))
    def get(self, request: Request) -> Response:
        return self.answer()


class LivePositionsView(LiveView):
    question = live.positions
    row = staticmethod(rows.position_row)

    @extend_schema(responses=answers(serializers.PositionSerializer(many=True)))
    def get(self, request: Request) -> Response:
        return self.answer()


class LiveOpenOrdersView(LiveView):
    question = live.open_orders
    row = staticmethod(rows.open_order_row)

    @extend_schema(responses=answers(serializers.OpenOrderSerializer(many=True)))
    def get(self, request: Request) -> Response:
        return self.answer()


class DatabaseHealthView(APIView):
    """Always 200 for those who are signed in, also while the database is away."""

    answers_without_database = True

    @extend_schema(responses=answers(serializers.DatabaseHealthSerializer))
    def get(self, request: Request) -> Response:
        return Response(database_health())


class StatusView(APIView):
    """Jobs, scheduler, gateway."""

    @extend_schema(responses=answers(serializers.StatusSerializer))
    def get(self, request: Request) -> Response:
        with bounded_read():
            return Response(platform_status(now=clock.now()))


class UnknownView(APIView):
    """Whatever is not there, said as JSON, and only to those who may know what is."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str = "") -> Response:
        raise NotFound(f"There is nothing at {request.path}: /api/docs/ lists what there is.")
