"""The one JSON POST that the original scheduler's receivers know."""

from __future__ import annotations

import json
from datetime import datetime

from apps.journal.exceptions import NoticeFailed
from apps.journal.outbound.http import request


def post_notice(url: str, subject: str, body: str, *, now: datetime) -> int:
    """POST `{subject, body, timestamp}`; the status of the answer. Raises NoticeFailed for anything but 2xx."""
    payload = json.dumps({"subject": subject, "body": body, "timestamp": now.isoformat()})
    answer = request("POST", url, body=payload.encode(), content_type="application/json")
    if not 200 <= answer.status < 300:
        raise NoticeFailed(f"the webhook answered {answer.status}", status_code=answer.status)
    return answer.status
