"""The platform's settings and the jobs that do nothing."""

from tradeops.settings import *  # noqa: F403
from tradeops.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks._jobs.product_app"]
