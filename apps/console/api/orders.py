"""Orders for machines: the same services as the pages, so the same limits, approvals and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import OrderState
from apps.broker.domain.orders import OPEN
from apps.broker.exceptions import IdempotencyConflict, OrderMovedOn
from apps.broker.models import Account, Order
from apps.broker.services import Terms
from apps.console.api.documents import ERRORS, answers, whole_number
from apps.console.api.jobs import Conflict
from apps.console.api.order_serializers import (
    ChangesSerializer,
    OrderRequestSerializer,
    OrderSerializer,
    OrdersSerializer,
    OrderStorySerializer,
    WhySerializer,
    order_row,
    order_story,
)
from apps.console.api.parameters import BadParameter, read_integer
from apps.console.api.serializers import ErrorSerializer
from apps.console.api.unavailable import Unavailable
from apps.console.roles import APPROVE_ORDER, CANCEL_ORDER, PROPOSE_ORDER, VIEW_DESK
from apps.console.selectors.bounded import bounded_read
from apps.console.trading.terms import terms_of
from apps.risk import services as risk
from apps.risk.exceptions import ApprovalError
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.known import Unknown

MOST = 200
KEY = re.compile(r"[\x21-\x7e]{8,64}")
KEY_RULE = "The header Idempotency-Key is needed: 8 to 64 printable characters, a new one for each intent."
STATES = ("all", "open", *OrderState.values)
REFUSALS = {**ERRORS, 404: ErrorSerializer, 409: ErrorSerializer}
Act = Callable[[Order], Order]


class OrderPermission(BasePermission):
    """Every role reads; whatever acts names its permission in the view's `needs`, or nobody may."""

    message = "Your role does not allow this: traders propose and cancel, the risk role approves."

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        needed = VIEW_DESK if request.method in SAFE_METHODS else getattr(view, "needs", "")
        return bool(user and user.is_authenticated and needed and user.has_perm(needed))


class KeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "key_reused"


class OrdersView(APIView):
    """Orders of the ledger, newest first. `next_before` is the `before` of the next page, null on the last one."""

    permission_classes = [OrderPermission]
    needs = PROPOSE_ORDER

    @extend_schema(
        parameters=[
            OpenApiParameter("state", OpenApiTypes.STR, enum=STATES, default="all"),
            whole_number("limit", 50, 1, MOST),
            OpenApiParameter("before", OpenApiTypes.UUID, description="Only orders older than this one"),
        ],
        responses=answers(OrdersSerializer),
    )
    def get(self, request: Request) -> Response:
        try:
            limit = read_integer(request._request, "limit", 50, low=1, high=MOST)
        except BadParameter as error:
            raise ValidationError({"detail": str(error)}) from None
        with bounded_read():
            rows = list(chosen(request)[: limit + 1])
        more = str(rows[limit - 1].pk) if len(rows) > limit else None
        return Response({"orders": [order_row(order) for order in rows[:limit]], "next_before": more})

    @extend_schema(
        parameters=[
            OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER, True, description=KEY_RULE)
        ],
        request=OrderRequestSerializer,
        responses={201: OrderSerializer, 200: OrderSerializer, **ERRORS, 422: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Propose an order. The answer says what became of it: denied with the reasons, approved, or waiting for
        approval. The same key with the same body gives the same order (200); with another body it is refused (422).
        """
        key = read_key(request)
        wanted = OrderRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        terms = read_terms(wanted.validated_data, request)
        who = request.user.get_username()
        known = Order.objects.filter(idempotency_key=key).first()
        if known is not None and known.requested_by != who:
            raise KeyReused("This key stands for an order of somebody else. Use a new key for a new intent.")
        try:
            order = risk.submit_order(
                terms=terms, idempotency_key=key, requested_by=who, user=signed_in(request),
                on_behalf_of=getattr(request.user, "person", ""),
            )  # fmt: skip
        except IdempotencyConflict as error:
            raise KeyReused(str(error)) from None
        except ApprovalError as error:
            raise PermissionDenied(str(error)) from None
        except TradeOpsError as error:
            raise ValidationError({"detail": str(error)}) from None
        return Response(order_row(order), status=status.HTTP_200_OK if known else status.HTTP_201_CREATED)


class OrderView(APIView):
    """One order with its story."""

    permission_classes = [OrderPermission]

    @extend_schema(responses={**answers(OrderStorySerializer), 404: ErrorSerializer})
    def get(self, request: Request, pk: UUID) -> Response:
        with bounded_read():
            return Response(order_story(find(pk)))


class ApproveView(APIView):
    """Approve an order of somebody else. It is judged again at the present quote, and may come back denied."""

    permission_classes = [OrderPermission]
    needs = APPROVE_ORDER

    @extend_schema(request=None, responses={200: OrderSerializer, **REFUSALS})
    def post(self, request: Request, pk: UUID) -> Response:
        user = require_person(request)
        return acted(pk, lambda order: risk.approve_order(order_id=order.pk, user=user))


class RejectView(APIView):
    """Reject an order that waits; its proposer may, too."""

    permission_classes = [OrderPermission]
    needs = PROPOSE_ORDER

    @extend_schema(request=WhySerializer, responses={200: OrderSerializer, **REFUSALS})
    def post(self, request: Request, pk: UUID) -> Response:
        user, why = require_person(request), reason_of(request)
        if find(pk).requested_by != user.get_username() and not user.has_perm(APPROVE_ORDER):
            raise PermissionDenied(f"Only who gave it, or the risk role, may reject it ({APPROVE_ORDER}).")
        return acted(pk, lambda order: risk.reject_order(order_id=order.pk, user=user, reason=why))


class CancelView(APIView):
    """Cancel. At once where nothing was sent, else through the gateway. Repeating it changes nothing."""

    permission_classes = [OrderPermission]
    needs = CANCEL_ORDER

    @extend_schema(request=WhySerializer, responses={200: OrderSerializer, **REFUSALS})
    def post(self, request: Request, pk: UUID) -> Response:
        why, who = reason_of(request), request.user.get_username()
        return acted(pk, lambda order: broker.request_cancel(order_id=order.pk, actor=who, reason=why))


class ModifyView(APIView):
    """Ask for another quantity or price. It holds when the broker has confirmed it."""

    permission_classes = [OrderPermission]
    needs = PROPOSE_ORDER

    @extend_schema(request=ChangesSerializer, responses={200: OrderSerializer, **REFUSALS})
    def post(self, request: Request, pk: UUID) -> Response:
        asked = ChangesSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changes = dict(asked.validated_data)
        reason, who, user = changes.pop("reason"), request.user.get_username(), signed_in(request)

        def act(order: Order) -> Order:
            return risk.modify_order(order_id=order.pk, changes=changes, requested_by=who, user=user, reason=reason)

        return acted(pk, act)


def acted(pk: UUID, act: Act) -> Response:
    find(pk)
    try:
        act(find(pk))
    except OrderMovedOn as error:
        raise Conflict(str(error)) from None
    except ApprovalError as error:
        raise Conflict(str(error)) from None
    except TradeOpsError as error:
        raise ValidationError({"detail": str(error)}) from None
    return Response(order_row(find(pk)))


def chosen(request: Request) -> Any:
    rows = Order.objects.select_related("account", "instrument", "approved_by").order_by("-created_at", "-id")
    state = request.query_params.get("state", "all")
    if state not in STATES:
        raise ValidationError({"detail": f"state must be one of {', '.join(STATES)}, not {state[:40]!r}."})
    if state != "all":
        rows = rows.filter(state__in=sorted(OPEN)) if state == "open" else rows.filter(state=state)
    if before := request.query_params.get("before"):
        edge = find_edge(before)
        rows = rows.filter(created_at__lte=edge.created_at).exclude(created_at=edge.created_at, pk__gte=edge.pk)
    return rows


def find_edge(text: str) -> Order:
    try:
        edge = Order.objects.filter(pk=UUID(text)).first()
    except ValueError:
        edge = None
    if edge is None:
        raise ValidationError({"detail": f"before must be the id of an order, not {text[:40]!r}."})
    return edge


def find(pk: UUID) -> Order:
    order = Order.objects.select_related("account", "instrument", "approved_by").filter(pk=pk).first()
    if order is None:
        raise NotFound("The ledger knows no such order.")
    return order


def read_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise ValidationError({"detail": KEY_RULE})
    return f"api:{key}"


def read_terms(values: dict[str, Any], request: Request) -> Terms:
    code = values.get("account")
    account = Account.objects.filter(code=code).first() if code else broker_state.default_account()
    if account is None:
        raise ValidationError(
            {"account": "There is no such account." if code else "Name it: which is traded is unclear."}
        )
    found = broker.find_instrument(con_id=values["con_id"], requested_by=request.user.get_username())
    if isinstance(found, Unknown):
        raise Unavailable(f"the instrument cannot be had: {found.reason}")
    return terms_of(values, account=account, instrument=found.value)


def reason_of(request: Request) -> str:
    asked = WhySerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    reason: str = asked.validated_data["reason"]
    return reason


def signed_in(request: Request) -> User | None:
    """The person; None for a token: a program."""
    return request.user if isinstance(request.user, User) else None


def require_person(request: Request) -> User:
    user = signed_in(request)
    if user is None:
        raise PermissionDenied("A person must do this, signed in: a token is none.")
    return user
