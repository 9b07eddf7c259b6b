"""Log lines that cannot be forged: one record is one line, in UTC."""

import logging
import time


class OneLineFormatter(logging.Formatter):
    """`2026-01-05T14:30:00.123Z INFO apps.jobs job completed ...`; newlines in the text are shown, not written."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")
