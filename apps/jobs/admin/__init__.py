"""Jobs in the control room. django-q2's own tables stay out of it: a row there could run any function."""

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django_q.models import Failure, OrmQ, Schedule, Success

from apps.jobs.admin import overview, runs, schedules, workers

__all__ = ["overview", "runs", "schedules", "workers"]

for model in (Failure, OrmQ, Schedule, Success):
    try:
        admin.site.unregister(model)
    except NotRegistered:
        continue
