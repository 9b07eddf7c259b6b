"""Booking payments into and out of accounts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from apps.broker.exceptions import CashFlowError
from apps.broker.models import Account, CashFlow
from apps.broker.selectors.payments import REMOVED, STEP
from apps.journal import services as journal
from apps.journal.choices import Level

SCOPE = "broker"


@transaction.atomic
def book_cash_flow(
    *, account: Account, arrived_at: datetime, amount: Decimal, currency: str, note: str, now: datetime, actor: str
) -> CashFlow:
    """Record a payment, so that it counts neither as gain nor as loss. Raises CashFlowError."""
    check_cash_flow(account=account, arrived_at=arrived_at, amount=amount, currency=currency, now=now)
    flow = CashFlow.objects.create(
        account=account,
        arrived_at=arrived_at,
        amount=amount,
        currency=currency.upper(),
        note=note.strip(),
        created_at=now,
        created_by=actor,
    )
    journal.record(step=STEP, message=f"booked: {flow}", level=Level.WARN, scope=SCOPE, actor=actor)
    return flow


@transaction.atomic
def remove_cash_flow(*, flow: CashFlow, actor: str) -> None:
    """Take a wrongly booked payment out; the journal keeps that it was there."""
    data = {"account": flow.account.code}
    journal.record(step=STEP, message=f"{REMOVED}: {flow}", level=Level.WARN, scope=SCOPE, data=data, actor=actor)
    flow.delete()


def check_cash_flow(*, account: Account, arrived_at: datetime, amount: Decimal, currency: str, now: datetime) -> None:
    """Raises CashFlowError naming what to write instead."""
    base = account.base_currency
    if not base:
        raise CashFlowError(
            f"The broker has not stated the currency of {account} yet: book it when the gateway has run."
        )
    if currency.upper() != base:
        raise CashFlowError(f"{account} is kept in {base}: book what the payment was worth in {base}.")
    if not amount:
        raise CashFlowError("Say how much: positive for a deposit, negative for a withdrawal.")
    if arrived_at > now:
        raise CashFlowError(
            f"{arrived_at:%Y-%m-%d %H:%M} lies ahead: book the payment once the account shows it (times are UTC)."
        )
