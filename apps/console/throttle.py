"""Ten wrong passwords for one account from one address within 15 minutes, then a wait. Shared by all processes."""

from __future__ import annotations

import math
from datetime import timedelta

from django.db.models import QuerySet

from apps.console.models import LoginAttempt
from apps.journal import services as journal
from apps.journal.choices import Level
from tradeops.lib import clock

ATTEMPTS = 10
WINDOW = timedelta(minutes=15)


def begin_attempt(*, account: str, address: str | None) -> LoginAttempt | None:
    """Count an attempt before its password is looked at; None when it must not be looked at.

    The row is written first, so that attempts at the same moment count each other. A refused attempt leaves nothing
    behind: it does not prolong the wait.
    """
    account = normal(account)
    LoginAttempt.objects.filter(at__lt=clock.now() - WINDOW).delete()
    attempt = LoginAttempt.objects.create(account=account, address=address)
    count = recent(account, address).count()
    if count <= ATTEMPTS:
        return attempt
    attempt.delete()
    return None


def fail_attempt(attempt: LoginAttempt) -> None:
    """Leave the attempt standing; the one that locks the account is recorded."""
    if recent(attempt.account, attempt.address).count() == ATTEMPTS:
        journal.record(
            step="Login",
            message=f"{ATTEMPTS} failed logins for {attempt.account!r} from {attempt.address}: locked for 15 minutes",
            level=Level.WARN,
            scope="console",
            actor=attempt.account,
        )


def forget_attempts(*, account: str, address: str | None) -> None:
    recent(normal(account), address).delete()


def minutes_to_wait(*, account: str, address: str | None) -> int:
    """Whole minutes until the next attempt is allowed."""
    newest = recent(normal(account), address).order_by("-at").values_list("at", flat=True)[:ATTEMPTS]
    oldest_that_counts = min(newest, default=clock.now() - WINDOW)
    return max(1, math.ceil((oldest_that_counts + WINDOW - clock.now()).total_seconds() / 60))


def recent(account: str, address: str | None) -> QuerySet[LoginAttempt]:
    return LoginAttempt.objects.filter(account=account, address=address, at__gte=clock.now() - WINDOW)


def normal(account: str) -> str:
    """One account cannot be tried under several spellings."""
    return account.strip().casefold()[:150]
