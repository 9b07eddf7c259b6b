"""What the lines of a portfolio cost now, in the currency of the account."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.broker import selectors as broker
from apps.broker.choices import RequestKind
from apps.broker.models import Instrument
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition
from apps.strategies import selectors
from apps.strategies.domain.history import read_number
from apps.strategies.domain.rebalance import Quotation
from apps.strategies.gateway import ask
from tradeops.lib.known import Known
from tradeops.lib.money import price_unit

# Below the market data lines that an account has at least, so that one request never starves the others.
QUOTES_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class Priced:
    """`note` says what is missing where there is no quotation."""

    quotation: Quotation | None
    note: str = ""


def price_lines(currencies: Mapping[int, str], rates: Mapping[str, Decimal]) -> dict[int, Priced]:
    """By contract id; `currencies` those of the lines. Raises BrokerUnknown when the broker cannot be asked."""
    con_ids = sorted(currencies)
    groups = [con_ids[start : start + QUOTES_AT_ONCE] for start in range(0, len(con_ids), QUOTES_AT_ONCE)]
    rows = [row for group in groups for row in ask(RequestKind.QUOTES, {"con_ids": group}, about="the portfolio")]
    quotes = {int(row["con_id"]): row for row in rows}
    return {con_id: price_line(con_id, quotes.get(con_id, {}), currencies[con_id], rates) for con_id in con_ids}


def price_line(con_id: int, quote: Mapping[str, Any], currency: str, rates: Mapping[str, Decimal]) -> Priced:
    price, source = read_number(quote.get("price")), quote.get("price_source")
    if price is None or price <= 0 or not source:
        return Priced(None, str(quote.get("note") or "The broker states none: check the market data subscriptions."))
    if currency not in rates:
        return Priced(None, f"The exchange rate of {currency} is not known.")
    magnifier = find_magnifier(con_id)
    if magnifier is None:
        return Priced(None, "The broker does not describe the contract, so the unit of its price is not known.")
    in_base = price / magnifier * rates[currency]
    return Priced(Quotation(price, in_base, str(source), price_unit(currency, magnifier)))


def find_magnifier(con_id: int) -> int | None:
    """100 where prices are quoted in pence. None where the broker knows no such contract.

    A mirrored instrument without a tick size has no fetched details yet: its magnifier is a mere default.
    """
    series = selectors.series_of_line(con_id)
    if series is not None:
        return series.price_magnifier
    instrument = Instrument.objects.filter(con_id=con_id, min_tick__isnull=False).first()
    if instrument is not None:
        return instrument.price_magnifier
    rows = ask(RequestKind.CONTRACT_DETAILS, {"query": {"con_id": con_id}}, about=f"contract {con_id}")
    return int(rows[0]["price_magnifier"]) if rows else None


def find_rates(
    snapshot: PortfolioSnapshot, positions: Collection[SnapshotPosition], currencies: Collection[str]
) -> dict[str, Decimal]:
    """What one unit of each currency is worth in the account's; a currency without a known rate is left out."""
    rates = {position.currency: position.exchange_rate for position in positions if position.exchange_rate}
    for currency in set(currencies) - set(rates) - {snapshot.currency}:
        stated = broker.account_value(snapshot.account.code, "ExchangeRate", currency)
        if isinstance(stated, Known) and stated.value > 0:
            rates[currency] = stated.value
    return {**rates, snapshot.currency: Decimal(1)}
