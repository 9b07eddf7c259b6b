from __future__ import annotations

import pytest

from apps.strategies.domain.universe import SECTOR_FUNDS, recognise, signal_symbol


@pytest.mark.parametrize("name", ["SXLK", "SXLK.L", "sxlk.l", " GXLK ", "GXLK.L"])
def test_every_spelling_of_a_line_is_the_same_fund(name: str) -> None:
    assert signal_symbol(name) == "SXLK"


@pytest.mark.parametrize("name", ["XLK", "SXLKX", "", "AAPL", "L", ".L"])
def test_other_symbols_are_no_funds(name: str) -> None:
    assert signal_symbol(name) is None


def test_nine_funds_have_distinct_symbols_and_sectors() -> None:
    assert len({fund.symbol for fund in SECTOR_FUNDS} | {fund.sterling_symbol for fund in SECTOR_FUNDS}) == 18
    assert len({fund.sector for fund in SECTOR_FUNDS}) == 9


@pytest.mark.parametrize("exchanges", [("LSEETF", "SMART"), ("", ""), ("SMART", ""), ("", "LSEETF"), ("lseetf", "")])
def test_shares_listed_in_london_are_recognised(exchanges: tuple[str, str]) -> None:
    assert recognise(symbol="GXLF", sec_type="STK", exchanges=exchanges) == "SXLF"


def test_options_and_listings_elsewhere_are_not_the_fund() -> None:
    assert recognise(symbol="SXLF", sec_type="OPT", exchanges=("LSEETF",)) is None
    assert recognise(symbol="SXLF", sec_type="STK", exchanges=("NYSE", "SMART")) is None
