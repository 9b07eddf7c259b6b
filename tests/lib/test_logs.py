from __future__ import annotations

import logging

from tradeops.lib.logs import OneLineFormatter


def test_forged_second_line_stays_on_the_first() -> None:
    record = logging.LogRecord("apps.web", logging.INFO, "", 0, "user %s", ("eve\nINFO halt released",), None)
    line = OneLineFormatter().format(record)
    assert "\n" not in line
    assert line.endswith(r"INFO apps.web user eve\nINFO halt released")


def test_time_is_utc_with_milliseconds() -> None:
    record = logging.LogRecord("apps.web", logging.INFO, "", 0, "text", (), None)
    record.created, record.msecs = 0.0, 123
    assert OneLineFormatter().format(record).startswith("1970-01-01T00:00:00.123Z INFO")
