"""A close-all goes on after the answer: this process drives it, and the sentinel takes it up should this one die."""

from __future__ import annotations

import logging
import threading
from uuid import UUID

from django.db import connections

from apps.broker.choices import EmergencyKind
from apps.broker.models import EmergencyRun
from apps.console.reserved import leave_the_pool
from apps.risk.services.emergency_closing import carry_on

logger = logging.getLogger(__name__)


def drive(run: EmergencyRun) -> None:
    """Whoever is second finds the run taken."""
    if run.kind == EmergencyKind.CLOSE_ALL:
        threading.Thread(target=_drive, args=[run.pk], name=f"close-all {run.pk}", daemon=True).start()


def _drive(run_id: UUID) -> None:
    leave_the_pool()
    try:
        carry_on(run_id=run_id)
    except Exception:
        logger.exception("close-all %s: the sentinel takes it up", run_id)
    finally:
        connections.close_all()
