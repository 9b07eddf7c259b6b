"""The weekly work as one piece, for the command and the job: fresh signal, advice, both stored together and told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from apps.journal import services as journal
from apps.journal.choices import Level
from apps.strategies import files, reports
from apps.strategies.models import RebalanceAdvice
from apps.strategies.services.advice import SCOPE, STEP, Recommendation, store_advice
from apps.strategies.services.signals import store_signal

NOTICE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """`file` is None where the text could not be written; the advice is stored all the same."""

    advice: RebalanceAdvice
    file: Path | None


def store_recommendation(*, recommendation: Recommendation, job_run: int | None = None, actor: str = "") -> Stored:
    """Signal and advice in one transaction, with the notice where a job advises: nobody watches it. Then the text file
    of the day."""
    with transaction.atomic():
        signal = store_signal(computed=recommendation.computed, job_run=job_run, actor=actor)
        report = reports.written_report(recommendation)
        advice = store_advice(recommendation=recommendation, signal=signal, report=report, job_run=job_run, actor=actor)
        if advice.trade_count and job_run is not None:
            subject = f"Rebalance of {advice.account}: {advice.summary}"
            journal.notify(subject, report[:NOTICE_LENGTH], key=f"rebalance:{advice.pk}", actor=actor)
    return Stored(advice, keep_text(recommendation, report, actor))


def keep_text(recommendation: Recommendation, text: str, actor: str) -> Path | None:
    try:
        return files.write_report(day=recommendation.at.date(), text=text)
    except OSError as error:
        journal.record(
            step=STEP,
            message=f"{error.filename or 'the report file'} cannot be written: {error.strerror}. The advice is stored.",
            level=Level.WARN,
            scope=SCOPE,
            actor=actor,
        )
        return None
