"""Incidents for machines: what is wrong, and taking it on."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.console.api.documents import answers, whole_number
from apps.console.api.parameters import BadParameter, read_integer
from apps.console.api.serializers import ErrorSerializer, S
from apps.console.permissions import IncidentPermission
from apps.console.selectors.bounded import bounded_read
from apps.journal import selectors as journal
from apps.journal import services
from apps.journal.exceptions import IncidentResolved, UnknownIncident
from apps.journal.models import Incident

STATES = ("open", "resolved", "all")
LARGEST_ID = 2**63 - 1


class IncidentSerializer(S):
    id = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    severity = serializers.ChoiceField(choices=["info", "warning", "critical"])
    scope = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    opened_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_blank=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField(allow_blank=True)


class AcknowledgeSerializer(S):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=500)


class Resolved(APIException):
    status_code = 409


class IncidentsView(APIView):
    """Incidents, the newest first."""

    @extend_schema(
        parameters=[
            OpenApiParameter("state", OpenApiTypes.STR, OpenApiParameter.QUERY, enum=STATES, default="open"),
            whole_number("limit", 100, 1, 1000),
        ],
        responses=answers(IncidentSerializer(many=True)),
    )
    def get(self, request: Request) -> Response:
        try:
            limit = read_integer(request._request, "limit", 100, low=1, high=1000)
        except BadParameter as error:
            raise ValidationError({"detail": str(error)}) from None
        state = request.query_params.get("state", "open")
        if state not in STATES:
            raise ValidationError({"detail": f"state must be one of {', '.join(STATES)}, not {state[:40]!r}."})
        with bounded_read():
            return Response([incident_row(incident) for incident in journal.incidents(state=state, limit=limit)])


class AcknowledgeView(APIView):
    """Somebody has taken it on: no more reminders. Repeating it changes nothing."""

    permission_classes = [IncidentPermission]

    @extend_schema(
        request=AcknowledgeSerializer,
        responses={**answers(IncidentSerializer), 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        asked = AcknowledgeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        reason = asked.validated_data.get("reason", "")
        if pk > LARGEST_ID:
            raise NotFound(f"There is no incident {pk}.")
        try:
            services.acknowledge(incident_id=pk, actor=request.user.get_username(), reason=reason)
        except UnknownIncident as error:
            raise NotFound(str(error)) from None
        except IncidentResolved as error:
            raise Resolved(str(error)) from None
        return Response(incident_row(Incident.objects.get(pk=pk)))


def incident_row(incident: Incident) -> dict[str, Any]:
    return dict(IncidentSerializer(incident).data)
