"""Secrets never reach a log; what says where and what stays readable."""

from __future__ import annotations

import logging
import sys

import pytest

from tradeops.lib.logs import OneLineFormatter
from tradeops.lib.redaction import Redactor, redact

SECRETS = {
    "postgresql://tradeops:hunter2hunter2@db:5432/tradeops": "postgresql://***@db:5432/tradeops",
    "host=db password=hunter2hunter2 dbname=tradeops": "host=db password=*** dbname=tradeops",
    "posting to https://hooks.slack.com/services/T0/B0/hunter2hunter2": "posting to https://hooks.slack.com/***",
    "https://discord.com/api/webhooks/123/hunter2hunter2 said 404": "https://discord.com/api/webhooks/*** said 404",
    "https://api.telegram.org/bothunter2hunter2/sendMessage": "https://api.telegram.org/bot***",
    "channel tgram://hunter2hunter2/12345 failed": "channel tgram://*** failed",
    "channel mailto://user:hunter2hunter2@example.org failed": "channel mailto://*** failed",
    "https://user:hunter2hunter2@proxy.example/path": "https://***@proxy.example/path",
    "Authorization: Bearer hunter2hunter2hunter2": "Authorization: Bearer ***",
    '{"api_key": "hunter2hunter2", "side": "BUY"}': '{"api_key": "***", "side": "BUY"}',
    "Log in as  operator  with the password  hunter2hunter2": "Log in as  operator  with the password  ***",
    "SECRET_KEY='hunter2hunter2'": "SECRET_KEY='***'",
}
PLAIN = [
    "job completed: daily_snapshot in 1.2 s",
    "Failed to connect to IBKR at 127.0.0.1:7497 with client id 1: nothing listens there.",
    "TradeOps listens on http://127.0.0.1:8000/",
    "postgresql://127.0.0.1:5432/tradeops",
    "redis://cache:6379/0 and file:///opt/tradeops/var",
    "The token laptop was made for role viewer",
    "session ready",
    "keys of the map: side, quantity",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secret_is_hidden_and_the_rest_stays(text: str) -> None:
    assert redact(text) == SECRETS[text]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_known_secrets_are_hidden_wherever_they_appear() -> None:
    redactor = Redactor(["correct horse battery", "short", ""])
    assert redactor("x=correct horse battery, a short one") == "x=***, a short one"


def test_tracebacks_and_arguments_are_redacted_too() -> None:
    try:
        raise ValueError("no connection to postgresql://desk:hunter2hunter2@db/trades")
    except ValueError:
        record = logging.LogRecord("apps.web", logging.ERROR, "", 0, "token=%s", ("abc123abc123",), sys.exc_info())
    line = OneLineFormatter(["top secret words"]).format(record)
    assert "hunter2" not in line and "abc123" not in line
    assert "ValueError: no connection to postgresql://***@db/trades" in line and "\n" not in line
