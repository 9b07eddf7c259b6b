"""A project with nothing but django-q2, at its default settings with its ORM broker."""

import os

from tradeops.lib.environment import database_from_dsn

SECRET_KEY = "benchmark"  # noqa: S105 - protects nothing
USE_TZ = True
INSTALLED_APPS = ["django_q"]
DATABASES = {"default": database_from_dsn("BENCH_DSN", os.environ["BENCH_DSN"], connect_timeout=3)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
Q_CLUSTER = {"name": "usual", "orm": "default"}
LOGGING = {"version": 1, "loggers": {"django-q": {"level": "WARNING"}}}
