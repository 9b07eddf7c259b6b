"""The platform's settings and the sample jobs: for worker processes that tests start.

The clock of these processes, and of nothing else, is ahead by as many seconds as the file beside the trace says.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

from tradeops.lib import clock
from tradeops.settings import *  # noqa: F403
from tradeops.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.sample_app"]
AHEAD = Path(os.environ.get("SAMPLE_TRACE", "") + ".ahead")


def shifted_now() -> datetime:
    seconds = float(AHEAD.read_text()) if AHEAD.exists() else 0.0
    return datetime.now(UTC) + timedelta(seconds=seconds)


clock.now = timezone.now = shifted_now
