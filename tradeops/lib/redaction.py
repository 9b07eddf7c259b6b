"""Secrets out of what is written for people: log lines, captured output, the log pages.

What is known to be secret is removed wherever it appears; what only looks like a secret (a password in an address, the
token of a webhook, a bearer header) is recognised by its surroundings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
SHORTEST_SECRET = 8

# Addresses that say where, not who: their user info is hidden, the rest stays. Every other scheme belongs to a
# notification service, whose whole address is its password (tgram://token/chat, slack://a/b/c, mailto://user:pass@...).
PLAIN_SCHEMES = "https?|wss?|ftp|file|tcp|udp|unix|postgres(?:ql)?|redis|sqlite|git|ssh"
USER_INFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]*:[^\s@'\"]*@", re.IGNORECASE)
SERVICE_ADDRESS = re.compile(rf"\b(?!(?:{PLAIN_SCHEMES})://)([a-z][a-z0-9+.-]*://)[^\s'\",;]+", re.IGNORECASE)
WEBHOOK = re.compile(
    r"(https?://(?:hooks\.slack\.com/|(?:\w+\.)?discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot|"
    r"[\w.-]*webhook\.office\.com/|hc-ping\.com/|api\.pushover\.net/|ntfy\.sh/|hooks\.zapier\.com/|"
    r"maker\.ifttt\.com/))[^\s'\",;]+",
    re.IGNORECASE,
)
BEARER = re.compile(r"\b(bearer|token|basic)(\s+)[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE)
NAMED = re.compile(
    r"((?<![a-z])[\w-]*(?:password|passwd|pwd|secret|secret[_-]?key|token|api[_-]?key|access[_-]?key|authorization|"
    r"session(?:id)?|csrftoken)[\"']?\s*[=:]\s*[\"']?)(?!bearer\b|basic\b|token\b)[^\s'\",;&)}\]]+",
    re.IGNORECASE,
)
# How `create_operator` shows the first password: meant for a terminal, not for a file.
SHOWN_ONCE = re.compile(r"(with the password\s+)\S+", re.IGNORECASE)
HINTS = re.compile(r"://|bearer|token|basic|passw|pwd|secret|key|authorization|session", re.IGNORECASE)


class Redactor:
    """`secrets` are exact texts; those shorter than 8 characters are left to the patterns."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(secret) for secret in known)) if known else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return redact(text) if HINTS.search(text) else text


def redact(text: str) -> str:
    """The text without what looks like a secret."""
    text = WEBHOOK.sub(rf"\1{HIDDEN}", text)
    text = SERVICE_ADDRESS.sub(rf"\1{HIDDEN}", text)
    text = USER_INFO.sub(rf"\1{HIDDEN}@", text)
    text = BEARER.sub(rf"\1\2{HIDDEN}", text)
    text = SHOWN_ONCE.sub(rf"\1{HIDDEN}", text)
    return NAMED.sub(rf"\1{HIDDEN}", text)
