"""The platform's settings and the sample jobs: for worker processes that tests start."""

from tradeops.settings import *  # noqa: F403
from tradeops.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.jobs.sample_app"]
