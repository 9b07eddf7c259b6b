"""Asking the broker what the portfolio is worth now. Stores nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from apps.broker import services as broker
from apps.broker.choices import Priority, RequestKind
from apps.broker.models import Instrument
from apps.snapshots.domain import answers
from apps.snapshots.domain.valuation import Holding, Quoted, Valuation, find_contradiction, value_portfolio
from apps.snapshots.exceptions import BrokerUnknown, IncompleteAnswer
from tradeops.lib.known import Known

ANSWER_SECONDS = 30.0
# Below the market data lines that an account has at least, so that one request never starves the others.
QUOTES_AT_ONCE = 40


def read_portfolio(*, account: str, now: datetime) -> Valuation:
    """The portfolio valued at the broker's present numbers; `account` empty means the configured or only one.

    Raises BrokerUnknown when any part could not be read, IncompleteAnswer when the parts contradict each other.
    """
    summary = ask(RequestKind.ACCOUNT_SUMMARY, {"account": account or settings.BROKER.account})
    code = answers.choose_account(account or settings.BROKER.account, summary)
    balance = answers.read_balance(code, summary)
    holdings = read_holdings(code)
    contradiction = find_contradiction(balance.equity, balance.cash, len(holdings))
    if contradiction:
        raise IncompleteAnswer(contradiction)
    return value_portfolio(code, now, balance, holdings, read_quotes(holdings, now))


def read_holdings(account: str) -> list[Holding]:
    rows = [row for row in ask(RequestKind.POSITIONS, {"account": account}) if row["account"] == account]
    holdings = [answers.read_holding(row, answers.read_contract(row, find_details(row["con_id"]))) for row in rows]
    return [holding for holding in holdings if holding.quantity]


def find_details(con_id: int) -> dict[str, Any] | None:
    """Multiplier and price magnifier, from the mirror or else from the broker; None where it knows no such contract.

    Without fetched details the mirror's magnifier is a mere default: prices in pence would count a hundredfold.
    """
    stored = Instrument.objects.filter(con_id=con_id, min_tick__isnull=False)
    details = stored.values("multiplier", "price_magnifier", "local_symbol").first()
    if details is not None:
        return dict(details)
    return next(iter(ask(RequestKind.CONTRACT_DETAILS, {"query": {"con_id": con_id}})), None)


def read_quotes(holdings: list[Holding], now: datetime) -> dict[int, Quoted]:
    """By contract id."""
    con_ids = [holding.contract.con_id for holding in holdings]
    rows = [row for group in grouped(con_ids) for row in ask(RequestKind.QUOTES, {"con_ids": group})]
    return {row["con_id"]: answers.read_quote(row, now) for row in rows}


def ask(kind: RequestKind, payload: dict[str, Any]) -> list[dict[str, Any]]:
    answer = broker.ask(
        kind, payload, timeout=ANSWER_SECONDS, priority=Priority.RECONCILE, requested_by="portfolio snapshot"
    )
    if isinstance(answer, Known):
        rows: list[dict[str, Any]] = answer.value
        return rows
    reason = answer.reason.rstrip(".")
    raise BrokerUnknown(f"The broker did not say ({kind.label.lower()}): {reason}. Nothing was stored.")


def grouped(con_ids: list[int]) -> list[list[int]]:
    return [con_ids[start : start + QUOTES_AT_ONCE] for start in range(0, len(con_ids), QUOTES_AT_ONCE)]
