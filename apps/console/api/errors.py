"""Every error of the API is `{"detail": "..."}`, whatever it was."""

from __future__ import annotations

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.console.api.unavailable import Unavailable
from apps.console.texts import one_line, short

logger = logging.getLogger(__name__)


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("%s: %s", context["request"].path, one_line(error))
        error = Unavailable(f"database unavailable: {one_line(error)}")
    response = exception_handler(error, context)
    if response is not None:
        response.data = {"detail": short(detail_of(response.data))}
    return response


def detail_of(data: Any) -> str:
    """One sentence out of DRF's nested answers; fields are named."""
    if isinstance(data, dict):
        parts = [
            detail_of(value) if name == "detail" else f"{name}: {detail_of(value)}" for name, value in data.items()
        ]
        return "; ".join(parts)
    if isinstance(data, list):
        return " ".join(detail_of(item) for item in data)
    return str(data)
