"""/ws/desk/: the desk and the events over one socket, without a layer or a task per message."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError

from apps.console import access
from apps.console.access import Credential, Kind, Verdict
from apps.console.catch_up import Refused, catch_up
from apps.console.database import ask_database
from apps.console.hub import hub
from apps.console.origin import origin_is_ours
from apps.console.outbox import Outbox, Send
from apps.console.seats import TOO_MANY as TOO_MANY_PAGES
from apps.console.seats import seats, user_of
from apps.console.wire import Encoded, encode_event, events_message, portions
from apps.journal import selectors as journal

PATH = "/ws/desk/"
FIRST_EVENTS = 100
FRAME_BYTES = 64 * 1024
MESSAGES_PER_SECOND = 20
PAGE_SECONDS = 30

# All from the range for applications: daphne refuses to send others.
STOPPING, UNSUPPORTED, TOO_SLOW, TOO_BIG, TRY_LATER = 4001, 4003, 4008, 4009, 4013
SIGNED_OUT, NOT_ALLOWED, NOT_FOUND, TOO_MANY, NO_SEAT = 4401, 4403, 4404, 4429, 4430
# Daphne sends no reason with a code: a client without the desk's own list is told in a message.
LAST_WORDS = {NO_SEAT: json.dumps({"type": "refused", "reason": TOO_MANY_PAGES})}
CLOSE_CODES = {Verdict.UNKNOWN: SIGNED_OUT, Verdict.FORBIDDEN: NOT_ALLOWED, None: TRY_LATER}


async def desk_socket(scope: dict[str, Any], receive: Any, send: Send) -> None:
    request = request_of(scope)
    if (await receive())["type"] != "websocket.connect":
        return
    credential = access.credential_of(request)
    by_cookie = credential is None or credential.kind == Kind.SESSION
    if not host_is_ours(request) or not origin_is_ours(request, required=by_cookie):
        await send({"type": "websocket.close", "code": NOT_ALLOWED})  # before accept: the handshake is refused
        return
    await send({"type": "websocket.accept"})
    client = DeskClient(credential or Credential(Kind.SESSION, ""), send)
    code = await client.serve(receive, after=after_id(scope))
    if code in LAST_WORDS:
        await send({"type": "websocket.send", "text": LAST_WORDS[code]})
    if code is not None:
        await send({"type": "websocket.close", "code": code})


def request_of(scope: dict[str, Any]) -> ASGIRequest:
    """The handshake as Django sees requests: cookies, headers, host, scheme behind a proxy."""
    scheme = {"wss": "https", "ws": "http"}[scope.get("scheme", "ws")]
    return ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, BytesIO())


def host_is_ours(request: ASGIRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


def after_id(scope: dict[str, Any]) -> int | None:
    """The last event the client has; None for a newcomer, who gets the latest hundred."""
    text = parse_qs(scope["query_string"].decode("ascii", "replace")).get("after_id", [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


class DeskClient:
    """One open socket. The hub pushes into its outbox; its own task only listens and waits for the end."""

    wants_desk = True

    def __init__(self, credential: Credential, send: Send) -> None:
        self.credential = credential
        self.has_desk = False
        self._send = send
        self._last_number = 0
        self._seat = ""
        self._is_over = False
        self._ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._outbox = Outbox(send, on_stalled=lambda: self._end(TOO_SLOW), on_gone=lambda: self._end(None))

    async def serve(self, receive: Any, *, after: int | None) -> int | None:
        """Until the end; returns the code to close with, None when there is nobody left to tell."""
        conversation = asyncio.create_task(self._converse(receive, after))
        try:
            done, _ = await asyncio.wait({conversation, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                return self._ended.result()
            return conversation.result()
        except asyncio.CancelledError:
            return STOPPING
        finally:
            conversation.cancel()
            hub().leave(self)
            self._outbox.close()
            self._is_over = True
            if self._seat:
                seats.leave(self._seat)

    def deliver(self, events: Sequence[Encoded]) -> None:
        if events[0].number <= self._last_number:
            events = [event for event in events if event.number > self._last_number]
        if events:
            self._last_number = events[-1].number
            self._outbox.push(shared_message(events))

    def show(self, section: str, text: str) -> None:
        self._outbox.push(text, replaces=section)

    def dismiss(self, verdict: Verdict | None) -> None:
        self._end(CLOSE_CODES[verdict])

    def _end(self, code: int | None) -> None:
        if not self._ended.done():
            self._ended.set_result(code)

    async def _converse(self, receive: Any, after: int | None) -> int | None:
        greeting = asyncio.create_task(self._greet(after))
        try:
            listening = asyncio.create_task(self._listen(receive))
            done, _ = await asyncio.wait({greeting, listening}, return_when=asyncio.FIRST_COMPLETED)
            if greeting in done and (code := greeting.result()) is not None:
                listening.cancel()
                return code
            return await listening
        finally:
            greeting.cancel()

    async def _greet(self, after: int | None) -> int | None:
        """Check, catch up, join. Returns a code to close with, None when the client watches."""
        try:
            verdict = await ask_database(access.verdict_on, self.credential)
            if verdict != Verdict.WELCOME:
                return CLOSE_CODES[verdict]
            user = user_of(self.credential)
            if self._is_over or not seats.take(user):
                return NO_SEAT
            self._seat = user
            await hub().start()
            async for page in catch_up(hub(), self, await self._first_page(after)):
                await self._send_page(page)
        except Refused as refused:
            return CLOSE_CODES[refused.verdict]
        except (OperationalError, InterfaceError, TimeoutError):
            return TRY_LATER
        return None

    async def _first_page(self, after: int | None) -> int:
        """Where to go on from. A newcomer gets the latest events; so does who has seen numbers that do not exist,
        because the database is another one than it was."""
        newest = await ask_database(journal.last_number)
        if after is not None and after <= newest:
            self._last_number = after
            return after
        if after is not None:
            await self._send({"type": "websocket.send", "text": '{"type":"reset"}'})
        for portion in portions(await ask_database(latest_events)):
            await self._send_page(portion)
        return self._last_number

    async def _send_page(self, events: Sequence[Encoded]) -> None:
        if events:
            self._last_number = events[-1].number
            async with asyncio.timeout(PAGE_SECONDS):
                await self._send({"type": "websocket.send", "text": events_message(events)})

    async def _listen(self, receive: Any) -> int | None:
        """Clients have nothing to say but `ping`; what is too much, too long or no text ends the conversation."""
        allowance, at = float(MESSAGES_PER_SECOND), time.monotonic()
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return None
            now = time.monotonic()
            allowance = min(MESSAGES_PER_SECOND, allowance + (now - at) * MESSAGES_PER_SECOND) - 1
            at = now
            if allowance < 0:
                return TOO_MANY
            text = message.get("text")
            if text is None:
                return UNSUPPORTED
            if len(text.encode()) > FRAME_BYTES:
                return TOO_BIG
            if text == "ping":
                self._outbox.push('{"type":"pong"}', replaces="pong")


def latest_events() -> list[Encoded]:
    return [encode_event(event) for event in reversed(journal.latest_events(limit=FIRST_EVENTS))]


_last_shared: tuple[Sequence[Encoded], str] = ((), "")


def shared_message(events: Sequence[Encoded]) -> str:
    """The same page goes to everybody: encode it for the first."""
    global _last_shared
    if _last_shared[0] is not events:
        _last_shared = (events, events_message(events))
    return _last_shared[1]
