"""What an order would do to the margin, as the broker computes it before anything is ordered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.broker import services as broker
from apps.broker.choices import RequestKind
from apps.broker.services import Terms
from apps.risk.gathering.answers import ASKED_BY
from tradeops.lib.known import Known, Unknown

MARGIN_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Margin:
    """In the account's currency. `warning` in the broker's words; None: it does not say."""

    initial_change: Decimal | None
    initial_after: Decimal
    maintenance_after: Decimal | None
    equity_with_loan_after: Decimal | None
    commission: Decimal | None
    commission_currency: str
    warning: str

    @property
    def is_covered(self) -> bool | None:
        """Is there more equity than initial margin afterwards?"""
        equity = self.equity_with_loan_after
        return None if equity is None else equity >= self.initial_after


def ask_margin(terms: Terms) -> Known[Margin] | Unknown:
    answer = broker.ask(RequestKind.WHAT_IF, payload_of(terms), timeout=MARGIN_SECONDS, requested_by=ASKED_BY)
    if isinstance(answer, Unknown):
        return answer
    try:
        return Known(margin_of(answer.value), answer.as_of)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        return Unknown(f"the broker's margin cannot be read: {error}")


def payload_of(terms: Terms) -> dict[str, Any]:
    return {
        "account": terms.account.code,
        "con_id": terms.instrument.con_id,
        "side": terms.side.value,
        "quantity": str(terms.quantity),
        "order_type": terms.order_type.value,
        "limit_price": None if terms.limit_price is None else str(terms.limit_price),
        "stop_price": None if terms.stop_price is None else str(terms.stop_price),
        "time_in_force": terms.time_in_force.value,
        "outside_regular_hours": terms.outside_regular_hours,
    }


def margin_of(row: Mapping[str, Any]) -> Margin:
    def money(name: str) -> Decimal | None:
        return None if row[name] is None else Decimal(row[name])

    return Margin(
        initial_change=money("initial_margin_change"),
        initial_after=Decimal(row["initial_margin_after"]),
        maintenance_after=money("maintenance_margin_after"),
        equity_with_loan_after=money("equity_with_loan_after"),
        commission=money("commission"),
        commission_currency=row["commission_currency"],
        warning=row["warning"],
    )
