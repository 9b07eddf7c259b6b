"""Which account is meant."""

from __future__ import annotations

from apps.broker import selectors as broker
from apps.broker.models import Account
from apps.reports.exceptions import UnknownAccount


def find_account(code: str = "") -> Account:
    """The named account; without a name IBKR_ACCOUNT or the only one. Raises UnknownAccount listing the choices."""
    wanted = code.strip().upper()
    account = Account.objects.filter(code=wanted).first() if wanted else broker.default_account()
    if account is not None:
        return account
    codes = ", ".join(Account.objects.values_list("code", flat=True))
    if not codes:
        raise UnknownAccount("No account is known yet: start the gateway (`manage.py up`), it stores the accounts.")
    if wanted:
        raise UnknownAccount(f"There is no account {wanted}: choose one of {codes}.")
    raise UnknownAccount(f"Which account? Name one of {codes}, or set IBKR_ACCOUNT.")


def currency_of(account: Account) -> str:
    """The account's base currency; empty while the broker has not stated it."""
    return account.base_currency or (
        account.snapshots.order_by("-date").values_list("currency", flat=True).first() or ""
    )
