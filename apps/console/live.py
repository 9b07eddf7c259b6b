"""What the broker says at this moment. Never from a table, never an empty list for a failure."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from apps.broker import selectors as broker_state
from apps.broker import services as broker
from apps.broker.choices import RequestKind, SessionState
from apps.console.api.unavailable import Unavailable
from tradeops.lib.known import Known

ANSWER_SECONDS = 8.0


@dataclass
class Question:
    """One question to the broker. Requests that come while it is being answered share the answer, as do those that
    come within `fresh_seconds` after it."""

    kind: RequestKind
    what: str
    fresh_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _answer: Known[Any] | Unavailable | None = None
    _answered_at: float = float("-inf")

    def ask(self) -> list[dict[str, Any]]:
        """Raises Unavailable with the reason."""
        asked_at = time.monotonic()
        with self._lock:
            fresh = self._answered_at >= asked_at - self.fresh_seconds and isinstance(self._answer, Known)
            if self._answer is None or not (fresh or self._answered_at >= asked_at):
                self._answer = ask_broker(self.kind, self.what)
                self._answered_at = time.monotonic()
            answer = self._answer
        if isinstance(answer, Unavailable):
            raise answer
        return list(answer.value)


def ask_broker(kind: RequestKind, what: str) -> Known[Any] | Unavailable:
    session = broker_state.session()
    if not session.running or session.state is SessionState.STARTING:
        return Unavailable("service not ready")
    if not (session.is_following or session.state is SessionState.RECONCILING):
        return Unavailable("not connected")
    answer = broker.ask(kind, {"account": ""}, timeout=ANSWER_SECONDS, requested_by="api")
    return answer if isinstance(answer, Known) else Unavailable(f"{what} unavailable: {answer.reason}")


account_summary = Question(RequestKind.ACCOUNT_SUMMARY, "account summary")
positions = Question(RequestKind.POSITIONS, "positions")
open_orders = Question(RequestKind.OPEN_ORDERS, "open orders", fresh_seconds=2.0)
