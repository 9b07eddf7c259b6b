"""Questions to the broker, asked so that an answer nobody can give ends the work with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.broker import services as broker
from apps.broker.choices import Priority, RequestKind
from apps.strategies.exceptions import BrokerUnknown
from tradeops.lib.known import Known

# History waits for its turn under the broker's pacing.
ANSWER_SECONDS = {RequestKind.HISTORY: 60.0}
USUAL_SECONDS = 30.0


def ask(kind: RequestKind, payload: Mapping[str, Any], *, about: str) -> list[dict[str, Any]]:
    """Raises BrokerUnknown with the reason when the broker cannot say."""
    history = kind == RequestKind.HISTORY
    answer = broker.ask(
        kind,
        payload,
        timeout=ANSWER_SECONDS.get(kind, USUAL_SECONDS),
        priority=Priority.HISTORY if history else Priority.QUOTE,
        requested_by="momentum",
    )
    if isinstance(answer, Known):
        rows: list[dict[str, Any]] = answer.value
        return rows
    raise BrokerUnknown(f"The broker did not say the {kind.label.lower()} of {about}: {answer.reason.rstrip('.')}.")
