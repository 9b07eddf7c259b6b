"""The other end of the control port."""

from __future__ import annotations

import json
import socket
from typing import Any

ANSWER_SECONDS = 60.0


class ControlError(Exception):
    """The simulator refused a control command, or nobody answers at the control port."""


def control(port: int, line: str, host: str = "127.0.0.1") -> dict[str, Any]:
    """Sends one command and returns the answer."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as link:
            link.sendall(line.replace("\n", " ").encode() + b"\n")
            received = link.makefile("rb").readline()
    except OSError as problem:
        raise ControlError(f"no simulator answers at control port {port} ({problem}); start one first") from problem
    if not received:
        raise ControlError(f"{line}: the simulator ended while it was asked")
    answer: dict[str, Any] = json.loads(received)
    if not answer.pop("ok"):
        raise ControlError(f"{line}: {answer['error']}")
    return answer
