"""/api/events/stream: the journal as server-sent events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from apps.console import access
from apps.console.access import Credential, Verdict
from apps.console.api.parameters import BadParameter, read_float, read_integer
from apps.console.catch_up import Refused, catch_up
from apps.console.database import ask_database
from apps.console.hub import Hub, hub
from apps.console.origin import origin_is_ours
from apps.console.seats import TOO_MANY, seats, user_of
from apps.console.vitals import vitals
from apps.console.wire import Encoded

QUEUE_CHARACTERS = 1_000_000
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@csrf_exempt  # it only reads
async def events_stream(request: HttpRequest) -> HttpResponseBase:
    if request.method != "GET":
        return refusal(405, f'Method "{request.method}" not allowed.', Allow="GET")
    if not origin_is_ours(request, required=False):
        return refusal(403, "This stream may only be opened from this site.")
    credential = access.credential_of(request)
    if credential is None:
        return refusal(401, "Sign in or send a token.", **{"WWW-Authenticate": access.SCHEME})
    try:
        after, poll_seconds = read_position(request), read_float(request, "poll_seconds", 1.0, low=0.2, high=10.0)
    except BadParameter as error:
        return refusal(400, str(error))
    if vitals.database_error():
        return refusal(503, "database not reachable")
    try:
        verdict = await ask_database(access.verdict_on, credential)
        if verdict == Verdict.WELCOME:
            await hub().start()
    except (OperationalError, InterfaceError, TimeoutError):
        return refusal(503, "database not reachable")
    if verdict == Verdict.UNKNOWN:
        return refusal(401, "The session or token is unknown or has ended.", **{"WWW-Authenticate": access.SCHEME})
    if verdict == Verdict.FORBIDDEN:
        return refusal(403, "Your role does not allow this.")
    if seats.are_full(user_of(credential)):
        return refusal(429, TOO_MANY)
    stream = StreamClient(credential, after, poll_seconds).stream(hub())
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=HEADERS)


def read_position(request: HttpRequest) -> int:
    """A client that reconnects says so in a header; that wins over the address it was opened with."""
    after = read_integer(request, "after_id", 0, low=0, high=2**63 - 1)
    last = request.headers.get("Last-Event-ID", "")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else after


def refusal(status: int, detail: str, **headers: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status, headers=headers)


class StreamClient:
    """One open stream. Events wait in a queue while the client pauses; when that is full the stream ends."""

    wants_desk = False
    has_desk = False

    def __init__(self, credential: Credential, after: int, poll_seconds: float) -> None:
        self.credential = credential
        self._last_number = after
        self._poll_seconds = poll_seconds
        self._queue: deque[Encoded] = deque()
        self._queued_characters = 0
        self._news = asyncio.Event()
        self._ended = False
        self._task = asyncio.current_task()

    async def stream(self, hub: Hub) -> AsyncIterator[str]:
        self._task = asyncio.current_task()
        user = user_of(self.credential)
        if not seats.take(user):
            return
        try:
            yield "retry: 1000\n\n"
            async for page in catch_up(hub, self, self._last_number):
                yield self._block(page)
            while not self._ended:
                yield await self._next()
        except (Refused, OperationalError, InterfaceError):
            # The status is long sent: ending the stream is all there is to say. The client comes again and is told.
            return
        finally:
            hub.leave(self)
            seats.leave(user)

    def deliver(self, events: Sequence[Encoded]) -> None:
        self._queue.extend(events)
        self._queued_characters += sum(len(event.json) for event in events)
        self._news.set()
        if self._queued_characters > QUEUE_CHARACTERS:
            self._end(abruptly=True)

    def show(self, section: str, text: str) -> None:
        """Streams carry events only."""

    def dismiss(self, verdict: Verdict | None) -> None:
        self._end(abruptly=False)

    def _end(self, *, abruptly: bool) -> None:
        """A client that does not read holds the stream inside a send: only a cancelled task leaves that."""
        self._ended = True
        self._queue.clear()
        self._news.set()
        hub().leave(self)
        if abruptly and self._task is not None:
            self._task.cancel()

    async def _next(self) -> str:
        """The events that came; a comment when none came for a while; nothing at the end."""
        if not self._queue:
            self._news.clear()
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._news.wait()
            except TimeoutError:
                return ": keep-alive\n\n"
        events = list(self._queue)
        self._queue.clear()
        self._queued_characters = 0
        return self._block(events)

    def _block(self, events: Sequence[Encoded]) -> str:
        fresh = [event for event in events if event.number > self._last_number]
        if fresh:
            self._last_number = fresh[-1].number
        return "".join(event.as_stream for event in fresh)
