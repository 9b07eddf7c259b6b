"""How the API describes its answers."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from apps.console.api.serializers import ErrorSerializer

ERRORS: dict[int, Any] = {400: ErrorSerializer, 401: ErrorSerializer, 403: ErrorSerializer, 503: ErrorSerializer}


def answers(success: Any) -> dict[Any, Any]:
    return {200: success, **ERRORS}


def whole_number(name: str, default: int, low: int, high: int) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=f"{low} to {high}, default {default}")


def number(name: str, default: float, low: float, high: float) -> OpenApiParameter:
    schema = {"type": "number", "minimum": low, "maximum": high, "default": default}
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=f"{low} to {high}, default {default}")


TEXT = OpenApiTypes.STR
