"""Which connection goes where: WebSockets to consumers, everything else to Django."""

from __future__ import annotations

from typing import Any

from channels.routing import ProtocolTypeRouter


def build_application(django_application: Any) -> Any:
    return ProtocolTypeRouter({"http": django_application})
