"""The edge: what the broker's library delivers becomes exact values or None."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.broker.domain.executions import split_execution_id
from apps.broker.gateway import parsing

UNSET = 1.7976931348623157e308


@pytest.mark.parametrize("value", [None, "", "abc", float("nan"), float("inf"), -float("inf"), UNSET, -UNSET, 2.0**63])
def test_unset_numbers_are_none(value: float | str | None) -> None:
    assert parsing.number(value) is None


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_are_exact_or_none(value: float) -> None:
    result = parsing.number(value)
    assert result is None or (float(result) == value and abs(result) < parsing.LIMIT)


def test_missing_required_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="shares"):
        parsing.required(UNSET, "shares")


@pytest.mark.parametrize("value", [-1.0, 0.0, float("nan")])
def test_the_brokers_no_price_is_none(value: float) -> None:
    assert parsing.price(value) is None


def test_greeks_that_were_not_computed_are_none() -> None:
    assert parsing.greek(-2) is None and parsing.greek(-0.4) == Decimal("-0.4")
    assert parsing.option_value(-1) is None and parsing.option_value(0.0) == 0


def test_times_are_utc_and_never_guessed() -> None:
    local = datetime(2026, 7, 1, 9, 30, tzinfo=ZoneInfo("US/Eastern"))
    assert parsing.utc(local) == datetime(2026, 7, 1, 13, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="names no zone"):
        parsing.utc(datetime(2026, 7, 1, 9, 30))


def test_expiry_is_a_day_or_none() -> None:
    assert parsing.expiry("20260116") == date(2026, 1, 16)
    assert parsing.expiry("20260116 15:00:00 US/Central") == date(2026, 1, 16)
    assert parsing.expiry("202601") is None and parsing.expiry("") is None


def test_texts_fit_their_columns() -> None:
    assert parsing.text("a\0b" + "c" * 50, 10) == "abcccccccc"


def test_decimals_are_plain_digits() -> None:
    assert parsing.decimal_text(Decimal("10.0")) == "10"
    assert parsing.decimal_text(Decimal("1E+3")) == "1000"
    assert parsing.decimal_text(None) is None


@pytest.mark.parametrize(
    ("exec_id", "key", "revision"),
    [
        ("0000e0d5.6512.01.01", "0000e0d5.6512.01", 1),
        ("0000e0d5.6512.01.02", "0000e0d5.6512.01", 2),
        ("0000e0d5.6512.01.12", "0000e0d5.6512.01", 12),
        ("odd", "odd", 1),
        ("odd.x", "odd.x", 1),
    ],
)
def test_execution_ids_name_their_revision(exec_id: str, key: str, revision: int) -> None:
    assert split_execution_id(exec_id) == (key, revision)
