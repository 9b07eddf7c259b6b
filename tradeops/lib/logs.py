"""Log lines that cannot be forged and tell no secrets: one record is one line, in UTC."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from tradeops.lib.redaction import Redactor


class OneLineFormatter(logging.Formatter):
    """`2026-01-05T14:30:00.123Z INFO apps.jobs job completed ...`; newlines in the text are shown, not written.

    Redacts here and not in a filter: the whole line is seen, tracebacks included.
    """

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._redact = Redactor(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record)).replace("\r", "\\r").replace("\n", "\\n")
