"""Reading the broker's answers: a missing number is an error, never zero."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.snapshots.domain.answers import (
    choose_account,
    find_decimal,
    read_balance,
    read_contract,
    read_holding,
    read_quote,
)
from apps.snapshots.exceptions import IncompleteAnswer, NoAccount
from tests.snapshots.builders import NOW, contract, summary

POSITION = {"con_id": 7, "symbol": "SXLK", "currency": "GBP", "position": "10", "avg_cost": "70.5"}


@pytest.mark.parametrize("text", [None, "", "nan", "inf", "-Infinity", "1e", "twelve", [], {}])
def test_what_is_no_number_is_none(text: object) -> None:
    assert find_decimal(text) is None


def test_balance_is_read_with_its_exchange_rates() -> None:
    rows = summary(NetLiquidation="10500.25", TotalCashValue="-20.5")
    rows += [
        {"account": "DU1", "tag": "ExchangeRate", "value": "1.2650", "currency": "GBP"},
        {"account": "DU1", "tag": "ExchangeRate", "value": "0", "currency": "JPY"},
        {"account": "DU2", "tag": "NetLiquidation", "value": "1", "currency": "USD"},
    ]
    balance = read_balance("DU1", rows)
    assert (balance.equity, balance.cash, balance.currency) == (Decimal("10500.25"), Decimal("-20.5"), "USD")
    assert balance.rates == {"GBP": Decimal("1.2650")}


@pytest.mark.parametrize(
    "values",
    [
        {"NetLiquidation": "100"},
        {"TotalCashValue": "100"},
        {"NetLiquidation": "", "TotalCashValue": "100"},
        {"NetLiquidation": "nan", "TotalCashValue": "100"},
        {},
    ],
)
def test_balance_with_a_part_missing_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(IncompleteAnswer, match="must state one (NetLiquidation|TotalCashValue)"):
        read_balance("DU1", summary(**values))


def test_balance_in_two_currencies_is_refused() -> None:
    rows = summary(NetLiquidation="100", TotalCashValue="100")
    rows[1]["currency"] = "EUR"
    with pytest.raises(IncompleteAnswer, match="NetLiquidation in USD but TotalCashValue in EUR"):
        read_balance("DU1", rows)


def test_only_account_is_chosen_and_two_need_a_choice() -> None:
    one, two = summary("DU1", NetLiquidation="1"), summary("DU2", NetLiquidation="1")
    assert choose_account("", one) == "DU1"
    assert choose_account("DU2", one + two) == "DU2"
    with pytest.raises(NoAccount, match="knows DU1, DU2: name one with IBKR_ACCOUNT or --account"):
        choose_account("", one + two)
    with pytest.raises(NoAccount, match="does not know account DU9"):
        choose_account("DU9", one)
    with pytest.raises(NoAccount, match="knows none"):
        choose_account("", [])


def test_quote_is_read_with_source_time_and_note() -> None:
    row = {"price": "101.5", "price_source": "delayed", "at": "2026-01-15T16:20:00+00:00", "note": "subscribe"}
    quote = read_quote(row, NOW)
    assert quote.price is not None
    assert (quote.price.value, quote.price.source, quote.price.at.minute) == (Decimal("101.5"), "delayed", 20)
    assert quote.note == "subscribe"


@pytest.mark.parametrize("price", [None, "0", "-1", "nan", ""])
def test_quote_without_a_price_says_so(price: str | None) -> None:
    assert read_quote({"price": price, "price_source": "market", "at": None}, NOW).price is None


def test_contract_without_details_has_no_multiplier() -> None:
    details = {"multiplier": "1", "price_magnifier": 100, "local_symbol": "SXLKL "}
    described = read_contract(POSITION, details)
    assert (described.multiplier, described.price_magnifier, described.name) == (1, 100, "SXLKL")
    assert read_contract(POSITION, None) == contract(7, "SXLK", "GBP", None, None)


@pytest.mark.parametrize("name", ["position", "avg_cost"])
def test_position_without_a_number_is_refused(name: str) -> None:
    with pytest.raises(IncompleteAnswer, match=f"{name} of SXLK is not a number: None"):
        read_holding({**POSITION, name: None}, contract())
