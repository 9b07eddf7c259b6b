"""The real gateway for a world in which a week goes by in seconds: what it counts in real seconds counts for nothing.

IB allows 60 history requests in ten minutes and gives the same answer to the same question for 15 s. Here ten minutes
hold months.
"""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradeops.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - after the settings

from apps.broker.gateway import history, history_pacing  # noqa: E402


def hurry() -> None:
    history.IDENTICAL_SECONDS = 0.0
    history_pacing.IDENTICAL_SECONDS = 0.0
    history_pacing.MARGIN_SECONDS = 0.0
    history_pacing.WINDOW_SECONDS = 0.0
    history_pacing.BURST_SECONDS = 0.0


if __name__ == "__main__":
    hurry()
    call_command("gateway")
