"""The usual way, as Channels documents it: every consumer joins a group, an event is sent to the group.

Also a liveness view as a plain async Django view.
"""

from __future__ import annotations

import django
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    INSTALLED_APPS=["channels"],
    SECRET_KEY="benchmark",  # noqa: S106 - of a server on loopback, for seconds
)
django.setup()


class EventConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add("events", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("events", self.channel_name)

    async def event(self, message: dict[str, object]) -> None:
        await self.send_json(message["data"])


async def publish(request: HttpRequest, first: int, count: int) -> HttpResponse:
    """Events as the product sends them, one group message each."""
    import time

    for number in range(first, first + count):
        data = {
            "id": number,
            "timestamp": "2026-01-05T14:30:00.000000+00:00",
            "level": "INFO",
            "symbol": "",
            "step": "Benchmark",
            "message": f"mark:{number}:{time.time():.6f}",
        }
        await get_channel_layer().group_send("events", {"type": "event", "data": data})
    return HttpResponse("published")


async def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("OK")


urlpatterns = [path("publish/<int:first>/<int:count>", publish), path("health", health)]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("ws/", EventConsumer.as_asgi())])}
)
