"""What the simulated market lists and how clients find it."""

from __future__ import annotations

import pytest

from apps.broker.simulator.market import MARKET_RULES
from apps.broker.simulator.types import Query, RequestError

from .market_support import new_market, stock

SECTOR_FUNDS = ["SXLK", "SXLF", "SXLE", "SXLV", "SXLY", "SXLP", "SXLI", "SXLB", "SXLU"]
US_FUNDS = ["SPY", "QQQ", "IWM", "DIA", "TLT", "GLD", "XLK", "XLF", "XLE", "XLV", "XLY", "XLP", "XLI", "XLB", "XLU"]
MARKET = new_market()


def _isin_is_valid(isin: str) -> bool:
    digits = [int(d) for d in "".join(str(int(c, 36)) for c in isin)][::-1]
    return sum(sum(divmod(d * (1 + n % 2), 10)) for n, d in enumerate(digits)) % 10 == 0


@pytest.mark.parametrize("symbol", SECTOR_FUNDS)
def test_sector_fund_has_a_dollar_and_a_pence_line(symbol: str) -> None:
    dollar, sterling = MARKET.find(Query(symbol=symbol, sec_type="STK", exchange="LSEETF"))
    assert (dollar.currency, dollar.price_magnifier, dollar.time_zone) == ("USD", 1, "GB")
    assert (sterling.currency, sterling.price_magnifier, sterling.exchange) == ("GBP", 100, "LSEETF")
    assert dollar.isin == sterling.isin


@pytest.mark.parametrize("symbol", SECTOR_FUNDS)
def test_sector_fund_lines_agree_through_the_exchange_rate(symbol: str) -> None:
    dollar, sterling = (MARKET.quote(c.con_id) for c in MARKET.find(Query(symbol=symbol, sec_type="STK")))
    assert dollar.last is not None and sterling.last is not None
    assert sterling.last / 100 * MARKET.exchange_rate("GBP", "USD") == pytest.approx(dollar.last, rel=0.002)


@pytest.mark.parametrize("symbol", [*US_FUNDS, "XLRE", "XLC", "AAPL", "MSFT", "NVDA", "TSLA", "JPM", "XOM", "KO"])
def test_us_line_is_found_once_through_smart(symbol: str) -> None:
    found = MARKET.find(Query(symbol=symbol, sec_type="STK", exchange="SMART", currency="USD"))
    assert [contract.symbol for contract in found] == [symbol]
    assert found[0].primary_exchange in {"ARCA", "NASDAQ", "NYSE"}


def test_every_line_has_a_unique_id_a_price_and_a_known_market_rule() -> None:
    contracts = MARKET.all_contracts()
    assert len({contract.con_id for contract in contracts}) == len(contracts) >= 60
    for contract in contracts:
        quote = MARKET.quote(contract.con_id)
        assert quote.low <= (quote.last or quote.low) <= quote.high
        assert contract.min_tick == MARKET_RULES[contract.market_rule_id][0][1]
        assert contract.long_name.isascii() and "\\" not in contract.long_name


def test_isins_have_correct_check_digits() -> None:
    wrong = {contract.symbol for contract in MARKET.all_contracts() if not _isin_is_valid(contract.isin or "0")}
    assert wrong == set()


def test_index_has_neither_bid_nor_ask() -> None:
    for symbol in ("SPX", "VIX", "VIX3M"):
        quote = MARKET.quote(MARKET.find(Query(symbol=symbol, sec_type="IND", exchange="CBOE"))[0].con_id)
        assert (quote.bid, quote.ask, quote.bid_size, quote.volume) == (None, None, 0, 0)
        assert quote.last


@pytest.mark.parametrize("symbol", ["EUR", "GBP"])
def test_currency_pair_trades_at_idealpro(symbol: str) -> None:
    (pair,) = MARKET.find(Query(symbol=symbol, sec_type="CASH", exchange="IDEALPRO", currency="USD"))
    quote = MARKET.quote(pair.con_id)
    assert pair.local_symbol == f"{symbol}.USD"
    assert quote.last is None and quote.bid and quote.ask and 0 < quote.ask - quote.bid < 0.001


@pytest.mark.parametrize(
    "query",
    [
        Query(symbol="NOPE", sec_type="STK"),
        Query(symbol="SPY", sec_type="STK", currency="EUR"),
        Query(symbol="SPY", sec_type="STK", exchange="LSEETF"),
        Query(symbol="SPY", sec_type="FUT"),
        Query(sec_type="STK"),
        Query(con_id=1),
        Query(sec_type="STK", sec_id_type="CUSIP", sec_id="US78462F1030"),
        Query(symbol="SPX", sec_type="OPT"),
    ],
)
def test_unknown_contract_is_error_200(query: Query) -> None:
    with pytest.raises(RequestError) as caught:
        MARKET.find(query)
    assert caught.value.code == 200
    assert caught.value.text == "No security definition has been found for the request"


@pytest.mark.parametrize(
    "query",
    [
        Query(symbol="SPY", sec_type="OPT", strike=float("nan")),
        Query(symbol="SPY", sec_type="OPT", strike=float("inf")),
        Query(symbol="SPY", sec_type="OPT", strike=-600.0),
        Query(symbol="SPY", sec_type="OPT", expiry="20269999", include_expired=True),
        Query(symbol="SPY", sec_type="OPT", expiry="19700101", include_expired=True),
        Query(sec_type="OPT", local_symbol="\u00b2" * 21),
        Query(con_id=10**15),
    ],
)
def test_malformed_contract_is_error_200_too(query: Query) -> None:
    with pytest.raises(RequestError, match="^200 "):
        MARKET.find(query)


def test_missing_security_type_is_a_validation_error() -> None:
    with pytest.raises(RequestError, match="valid security type") as caught:
        MARKET.find(Query(symbol="SPY"))
    assert caught.value.code == 321


def test_contract_is_found_by_id_and_by_isin() -> None:
    spy = stock(MARKET, "SPY")
    assert MARKET.find(Query(con_id=spy.con_id)) == [spy]
    assert MARKET.by_con_id(spy.con_id) == spy
    assert MARKET.find(Query(sec_type="STK", sec_id_type="ISIN", sec_id="US78462F1030"))[0].con_id == spy.con_id
    assert MARKET.by_con_id(999) is None


def test_search_prefers_the_exact_symbol_and_knows_names() -> None:
    assert MARKET.search("v")[0].symbol == "V"
    assert [contract.symbol for contract in MARKET.search("apple")] == ["AAPL"]
    assert MARKET.search("  ") == []


def test_quote_of_unknown_id_is_error_200() -> None:
    with pytest.raises(RequestError, match="No security definition"):
        MARKET.quote(12345)


def test_exchange_rates_are_consistent_and_unknown_currencies_refused() -> None:
    assert MARKET.exchange_rate("EUR", "GBP") * MARKET.exchange_rate("GBP", "EUR") == pytest.approx(1)
    assert MARKET.exchange_rate("USD", "USD") == 1
    with pytest.raises(RequestError, match="exchange rate"):
        MARKET.exchange_rate("XYZ", "USD")
