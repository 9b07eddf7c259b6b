"""Trades follow the executions, in the transaction that stores them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Min

from apps.broker.models import Execution
from apps.broker.services import trades

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)


def derive_trades(exec_ids: Collection[str]) -> None:
    """For executions that are new, corrected, or whose commission became known."""
    if not exec_ids:
        return
    keys = Execution.objects.filter(exec_id__in=exec_ids).values("exec_key")
    # A correction counts at the place of what it corrects.
    touched = Execution.objects.filter(exec_key__in=keys).values_list("account_id", "instrument_id")
    for account_id, instrument_id, since in touched.annotate(since=Min("executed_at")).order_by(
        "account_id", "instrument_id"
    ):
        derive_safely(account_id, instrument_id, since)


def derive_safely(account_id: int, instrument_id: int, since: datetime | None) -> None:
    """Trades can be derived at any time; what the broker said must be stored now."""
    try:
        with transaction.atomic():
            trades.derive_trades(account_id=account_id, instrument_id=instrument_id, since=since)
    except AWAY:
        raise
    except (DatabaseError, ArithmeticError):
        logger.exception("trades of instrument %s cannot be derived: `manage.py rebuild_trades`", instrument_id)
