"""The weekly work as one piece, for the command and the job: fresh signal, advice, both stored together."""

from __future__ import annotations

from django.db import transaction

from apps.strategies import reports
from apps.strategies.models import RebalanceAdvice
from apps.strategies.services.advice import Recommendation, store_advice
from apps.strategies.services.signals import store_signal


@transaction.atomic
def store_recommendation(
    *, recommendation: Recommendation, job_run: int | None = None, actor: str = ""
) -> RebalanceAdvice:
    signal = store_signal(computed=recommendation.computed, job_run=job_run, actor=actor)
    report = reports.as_text(reports.advice_parts(recommendation))
    return store_advice(recommendation=recommendation, signal=signal, report=report, job_run=job_run, actor=actor)
