from __future__ import annotations

from rest_framework import exceptions, status

from apps.console.texts import short


class Unavailable(exceptions.APIException):
    """The answer exists, but not here and now."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(short(detail))
