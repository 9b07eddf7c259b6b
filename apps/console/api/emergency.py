"""Stopping and resuming for machines, and the receipts. Each press is one row; pressing again changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.broker.choices import EmergencyKind, EmergencyState, Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun
from apps.console.access import Credential, Kind
from apps.console.api.documents import ERRORS, answers
from apps.console.api.orders import require_person
from apps.console.api.serializers import ErrorSerializer, S
from apps.console.api.unavailable import Unavailable
from apps.console.selectors.bounded import bounded_read
from apps.console.trading.driving import drive
from apps.risk.exceptions import EmergencyError
from apps.risk.services import emergency
from apps.risk.services.emergency import HALT, Asked
from apps.risk.services.emergency_resume import RESUME, resume
from apps.risk.services.emergency_view import document
from tradeops.lib import freshness

CAME_BY = "api"


class PressSerializer(S):
    scope = serializers.ChoiceField(choices=Scope.choices, default=Scope.EVERYTHING.value)
    target = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="", help_text="account, strategy or conId"
    )
    reason = serializers.CharField(max_length=500)


class HaltSerializer(PressSerializer):
    permission = serializers.ChoiceField(
        choices=[one.value for one in emergency.STOPPING], default=TradingPermission.HALTED.value
    )


class CloseAllSerializer(PressSerializer):
    confirmation = serializers.CharField(
        max_length=100, required=False, allow_blank=True, default="", help_text='live: "CLOSE ALL <account>"'
    )


class ResumeSerializer(PressSerializer):
    stopped_by = serializers.ChoiceField(choices=StopSource.choices, default=StopSource.MANUAL.value)
    to = serializers.ChoiceField(choices=TradingPermission.choices, default=TradingPermission.ACTIVE.value)
    force = serializers.BooleanField(default=False)


class ReceiptSerializer(S):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EmergencyKind.choices)
    scope = serializers.ChoiceField(choices=Scope.choices)
    target = serializers.CharField(allow_blank=True)
    account = serializers.CharField(allow_blank=True)
    permission = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=EmergencyState.choices)
    is_verified = serializers.BooleanField()
    reason = serializers.CharField()
    actor = serializers.CharField()
    came_by = serializers.CharField()
    problem = serializers.CharField(allow_blank=True)
    requested_at = serializers.DateTimeField()
    first_cancel_at = serializers.DateTimeField(allow_null=True)
    last_cancel_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    found = serializers.JSONField()
    results = serializers.JSONField()
    picture = serializers.JSONField(allow_null=True)


class AskedSerializer(ReceiptSerializer):
    notes = serializers.ListField(child=serializers.CharField())


class ResumedSerializer(ReceiptSerializer):
    waits_for = serializers.CharField(allow_blank=True)
    still_blocks = serializers.ListField(child=serializers.CharField())


class Refused(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "refused"


class Needs(BasePermission):
    permission = ""
    message = "Your role does not allow this: ask an administrator for the risk role."

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return bool(user and user.is_authenticated and user.has_perm(self.permission))


class MayHalt(Needs):
    permission = HALT


class MayResume(Needs):
    permission = RESUME


def accepted(success: Any) -> dict[Any, Any]:
    return {202: success, **ERRORS, 409: ErrorSerializer}


class FreshSession(BasePermission):
    """A token is what it is; a browser's session must have had the password lately."""

    message = "Your password was given more than five minutes ago: use the pages, or sign in again."

    def has_permission(self, request: Request, view: Any) -> bool:
        credential = request.auth
        is_session = isinstance(credential, Credential) and credential.kind == Kind.SESSION
        return not is_session or freshness.is_fresh(request._request)


class HaltView(APIView):
    """Block entries and cancel those that work; the receipt tells when the broker shows it."""

    permission_classes = [MayHalt]

    @extend_schema(request=HaltSerializer, responses=accepted(AskedSerializer))
    def post(self, request: Request) -> Response:
        wanted = read(HaltSerializer, request)
        wanted["permission"] = TradingPermission(wanted["permission"])
        return acknowledge(emergency.halt, request, wanted)


class CancelAllView(APIView):
    """Cancel every order of the scope, those that protect positions too. Trading is not halted by it."""

    permission_classes = [MayHalt]

    @extend_schema(request=PressSerializer, responses=accepted(AskedSerializer))
    def post(self, request: Request) -> Response:
        return acknowledge(emergency.cancel_all, request, read(PressSerializer, request))


class CloseAllView(APIView):
    """Halt, cancel all, close every position that the broker shows. Once per account: later presses get its receipt."""

    permission_classes = [MayHalt, FreshSession]

    @extend_schema(request=CloseAllSerializer, responses=accepted(AskedSerializer))
    def post(self, request: Request) -> Response:
        return acknowledge(emergency.close_all, request, read(CloseAllSerializer, request))


class ResumeView(APIView):
    """Resume after a stop, or confirm somebody else's press. `waits_for` says what is missing; empty: resumed. A person
    does that, signed in: a token is no second person."""

    permission_classes = [MayResume, FreshSession]

    @extend_schema(request=ResumeSerializer, responses={**answers(ResumedSerializer), 409: ErrorSerializer})
    def post(self, request: Request) -> Response:
        person, wanted = require_person(request), read(ResumeSerializer, request)
        source, wanted["to"] = StopSource(wanted.pop("stopped_by")), TradingPermission(wanted["to"])
        try:
            done = resume(user=person, came_by=CAME_BY, source=source, **wanted)
        except EmergencyError as error:
            raise Refused(str(error)) from None
        more = {"waits_for": done.waits_for, "still_blocks": list(done.still_blocks)}
        return Response({**document(done.run), **more})


class ReceiptView(APIView):
    """Who, why, what was found, what was done, and what the broker showed at the end."""

    @extend_schema(responses={**answers(ReceiptSerializer), 404: ErrorSerializer})
    def get(self, request: Request, pk: UUID) -> Response:
        with bounded_read():
            run = EmergencyRun.objects.filter(pk=pk).first()
        if run is None:
            raise NotFound(f"There is no receipt {pk}.")
        return Response(document(run))


def read(shape: type[S], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = dict(asked.validated_data)
    values["scope"] = Scope(values["scope"])
    return values


def acknowledge(press: Any, request: Request, wanted: dict[str, Any]) -> Response:
    try:
        asked: Asked = press(user=request.user, came_by=CAME_BY, **wanted)
    except EmergencyError as error:
        raise Refused(str(error)) from None
    if asked.run is None:
        raise Unavailable(" ".join(asked.notes))
    drive(asked.run)
    return Response({**document(asked.run), "notes": list(asked.notes)}, status=status.HTTP_202_ACCEPTED)
