"""Which function answers which request, and what is common to all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol.fields import Reader
from ..protocol.messages import Request
from ..protocol.system import NO_REQUEST
from ..types import RequestError

if TYPE_CHECKING:
    from ..sessions.session import Session

logger = logging.getLogger(__name__)
Handler = Callable[["Session", int, Reader], None]


@dataclass(frozen=True, slots=True)
class Route:
    """`versioned`: a message version follows the number. `identified`: then a request or order id follows."""

    handler: Handler
    versioned: bool
    identified: bool


ROUTES: dict[Request, Route] = {}


def handles(request: Request, *, versioned: bool = True, identified: bool = True) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ROUTES[request] = Route(handler, versioned, identified)
        return handler

    return register


def dispatch(session: Session, fields: Sequence[str]) -> None:
    """Answers one message. Whatever goes wrong is an error for this client and nobody else."""
    request_id = NO_REQUEST
    try:
        request, route = _route(fields)
        reader = Reader(fields, 1)
        if route.versioned:
            reader.int()
        if route.identified:
            request_id = reader.int()
        if _is_sabotaged(session, request, request_id):
            return
        route.handler(session, request_id, reader)
    except RequestError as refusal:
        session.error(request_id, refusal.code, refusal.text)
    except Exception:
        session.gateway.failures += 1
        logger.exception("request failed: %.200s", list(fields)[:20])
        session.error(request_id, 322, "Error processing request: the simulator failed, its log tells why")


def _route(fields: Sequence[str]) -> tuple[Request, Route]:
    number = Reader(fields).int()
    try:
        request = Request(number)
        return request, ROUTES[request]
    except (ValueError, KeyError):
        raise RequestError(505, f"Fatal Error: Unknown message id {number}.") from None


def _is_sabotaged(session: Session, request: Request, request_id: int) -> bool:
    faults = session.gateway.faults
    if faults.swallows(request):
        return True
    code = faults.failure_code(request)
    if code is not None:
        session.error(request_id, code, "Failure ordered through the control port")
    return code is not None
