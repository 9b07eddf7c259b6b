"""Signal and advice as services: what is read, computed, warned of and stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from apps.broker.models import AccountValue, Instrument
from apps.journal.models import Event
from apps.snapshots.models import PortfolioSnapshot
from apps.strategies import reports, services
from apps.strategies.exceptions import InvalidParameters, NoSnapshot
from apps.strategies.models import AdvisedTrade, MomentumSignal, RebalanceAdvice, SignalRow
from apps.strategies.rebalancing import store_recommendation
from apps.strategies.services import Recommendation
from tests.strategies.answers import answering, quotes
from tests.strategies.builders import CON_IDS, FRIDAY, NOW, WORKED, hold, store_snapshot, store_worked_histories

pytestmark = pytest.mark.django_db(transaction=True)

STERLING = 9001


@pytest.fixture(autouse=True)
def histories(db: None) -> None:
    store_worked_histories()


def everything_at(price: str) -> dict[int, str | None]:
    return {con_id: price for con_id in [*CON_IDS.values(), STERLING]}


def recommend(prices: dict[int, str | None] | None = None, threshold: float | None = None) -> Recommendation:
    with answering(quotes(everything_at("100") if prices is None else prices, note="Subscribe to LSE.")):
        return services.recommend_trades(now=NOW, threshold=threshold)


def trades(recommendation: Recommendation) -> list[tuple[str, str, int]]:
    return [(trade.action.value, trade.symbol, int(trade.shares)) for trade in recommendation.advice.trades]


def test_signal_is_stored_with_the_closes_and_the_revision_used() -> None:
    computed = services.compute_signal(now=NOW)
    assert not MomentumSignal.objects.exists()
    stored = services.store_signal(computed=computed, actor="ann", job_run=7)
    assert (stored.signal_date, stored.created_at, stored.job_run, stored.top_n) == (FRIDAY, NOW, 7, 3)
    assert stored.revision == services.active_revision()
    rows = list(stored.rows.all())
    assert [(row.symbol, round(row.momentum, 9)) for row in rows] == WORKED
    first = rows[0]
    assert (first.con_id, first.currency, first.sector) == (CON_IDS["SXLK"], "USD", "Technology")
    assert list(first.month_end_closes.items())[0] == ("2025-01-31", 100.0)
    assert list(first.month_end_closes.items())[-2:] == [("2026-01-30", 150.0), ("2026-02-13", 77.0)]
    assert (first.latest_close, first.latest_on) == (Decimal(77), FRIDAY)
    event = Event.objects.get(step="Signal")
    assert event.message == "momentum of 2026-02-13: SXLK 33.3%, SXLF 33.3%, SXLV 33.3%"
    assert event.data["weights"]["SXLE"] == 0


def test_top_n_may_be_overridden_for_one_signal() -> None:
    stored = services.store_signal(computed=services.compute_signal(now=NOW, top_n=2))
    assert stored.top_n == 2 and stored.rows.filter(is_selected=True).count() == 2
    assert services.active_revision().values["top_n"] == 3
    with pytest.raises(InvalidParameters, match="top_n=10 must be 1 to 9"):
        services.compute_signal(now=NOW, top_n=10)


def test_holdings_of_a_fresh_snapshot_are_incumbents_remainders_are_not() -> None:
    snapshot = store_snapshot()
    hold(snapshot, "SXLB", "100", "100")
    hold(snapshot, "SXLP", "1", "100")
    computed = services.compute_signal(now=NOW)
    assert computed.incumbents.symbols == {"SXLB"}
    assert [fund.symbol for fund in computed.signal.selected] == ["SXLK", "SXLF", "SXLB"]
    assert computed.incumbents.source == "snapshot of 2026-02-15 20:00 UTC"


def test_without_a_fresh_snapshot_the_last_signal_with_as_many_places_says_who_was_held() -> None:
    snapshot = store_snapshot()
    hold(snapshot, "SXLB", "100", "100")
    services.store_signal(computed=services.compute_signal(now=NOW))
    PortfolioSnapshot.objects.update(taken_at=NOW - timedelta(hours=49))
    services.store_signal(computed=services.compute_signal(now=NOW, top_n=1))
    computed = services.compute_signal(now=NOW)
    assert computed.incumbents.symbols == {"SXLK", "SXLF", "SXLB"}
    assert computed.incumbents.source == "signal of 2026-02-13"


def test_hysteresis_can_be_switched_off() -> None:
    hold(store_snapshot(), "SXLB", "100", "100")
    services.create_revision(values={"hysteresis": False}, reason="As the original.", actor="ann")
    computed = services.compute_signal(now=NOW)
    assert [fund.symbol for fund in computed.signal.selected] == ["SXLK", "SXLF", "SXLV"]
    assert computed.incumbents.source == "hysteresis is off"


@pytest.mark.mission(41)
def test_worked_portfolio_gives_the_trades_worked_by_hand() -> None:
    snapshot = store_snapshot(equity="100000", cash="50000")
    hold(snapshot, "SXLK", "300", "100")  # 30 %, to 33.3 %: 33 shares
    hold(snapshot, "SXLF", "330", "100")  # 33 %, within 2 %
    hold(snapshot, "SXLE", "50", "100")  # 5 %, to be left
    found = recommend()
    assert trades(found) == [("BUY", "SXLK", 33), ("BUY", "SXLV", 333), ("SELL", "SXLE", 50)]
    assert (found.advice.buy_value, found.advice.sell_value) == (36_600, 5_000)
    assert found.advice.net_cash_flow == -31_600
    assert found.warnings == ()


def test_stored_advice_has_its_signal_its_reasons_and_its_sums() -> None:
    snapshot = store_snapshot(cash="100000")
    hold(snapshot, "SXLE", "50", "100")
    stored = store_recommendation(recommendation=recommend(), job_run=9, actor="ann").advice
    assert (stored.signal, stored.snapshot, stored.job_run) == (MomentumSignal.objects.get(), snapshot, 9)
    assert (stored.buy_count, stored.sell_count, stored.account, stored.currency) == (3, 1, "DU1", "USD")
    assert stored.net_cash_flow == stored.sell_value - stored.buy_value == 5_000 - 99_900
    sale = stored.trades.get(action="SELL")
    assert (sale.symbol, sale.shares, sale.price, sale.price_source) == ("SXLE", 50, 100, "close")
    assert sale.reason == "momentum -25.0% is below the floor of -20%: 5.0% to 0.0%"
    event = Event.objects.get(step="Rebalance")
    assert event.message == "4 trades recommended"
    assert event.data["report"].startswith("Rebalance report of 2026-02-15") and len(event.data["report"]) <= 1000


def test_nothing_to_trade_is_stored_too() -> None:
    snapshot = store_snapshot(equity="99900")
    for symbol in ("SXLK", "SXLF", "SXLV"):
        hold(snapshot, symbol, "333", "100")
    found = recommend()
    assert store_recommendation(recommendation=found).advice.buy_count == 0
    assert "No trades required" in reports.as_text(reports.advice_parts(found))
    assert Event.objects.get(step="Rebalance").message == "0 trades recommended"


def test_threshold_may_be_overridden() -> None:
    hold(store_snapshot(cash="100000"), "SXLK", "300", "100")
    assert ("BUY", "SXLK", 33) not in trades(recommend(threshold=0.05))
    with pytest.raises(InvalidParameters, match="threshold 2 must be a fraction"):
        services.recommend_trades(now=NOW, threshold=2)


@pytest.mark.mission(25)
def test_without_a_snapshot_one_has_to_be_taken_first() -> None:
    with pytest.raises(NoSnapshot, match="no portfolio snapshot: take one first with `manage.py snapshot`"):
        services.recommend_trades(now=NOW)
    with pytest.raises(CommandError, match="take one first"):
        call_command("rebalance")
    assert not MomentumSignal.objects.exists() and not RebalanceAdvice.objects.exists()


@pytest.mark.parametrize(("hours", "warned"), [(24, False), (25, True), (48, True)])
def test_older_snapshot_is_used_with_a_warning(hours: int, warned: bool) -> None:
    store_snapshot(cash="200000", taken_at=NOW - timedelta(hours=hours))
    warnings = recommend().warnings
    assert any(f"{hours} h ago: the portfolio may have changed" in text for text in warnings) is warned


def test_snapshot_older_than_two_days_is_refused() -> None:
    store_snapshot(taken_at=NOW - timedelta(hours=48, minutes=1))
    with pytest.raises(NoSnapshot, match="older than 48 h is refused: take one first"):
        services.recommend_trades(now=NOW)


def test_snapshot_without_equity_is_refused() -> None:
    store_snapshot(equity="0")
    with pytest.raises(NoSnapshot, match="equity of 0.00"):
        services.recommend_trades(now=NOW)


def test_line_in_pence_is_the_same_fund_and_sold_at_its_price_in_pence() -> None:
    snapshot = store_snapshot(cash="200000")
    # 100 shares at 8,000 p = 8,000 GBP = 10,000 USD
    hold(snapshot, "SXLE", "100", "8000", con_id=STERLING, currency="GBP", rate="1.25", magnifier=100)
    found = recommend(everything_at("100") | {STERLING: "8000"})
    [sale] = found.advice.sells
    assert (sale.symbol, sale.shares, sale.line.currency, sale.line.con_id) == ("SXLE", 100, "GBP", STERLING)
    assert (sale.quotation.quoted, sale.quotation.in_base, sale.value) == (8000, 100, 10_000)
    assert sale.current_weight == Decimal("0.1")


def test_fund_held_in_pence_is_bought_in_pence() -> None:
    snapshot = store_snapshot(cash="200000")
    hold(snapshot, "SXLK", "100", "8000", con_id=STERLING, currency="GBP", rate="1.25", magnifier=100)
    found = recommend(everything_at("50") | {STERLING: "8000"})
    [bought] = [trade for trade in found.advice.buys if trade.symbol == "SXLK"]
    assert (bought.line.con_id, bought.shares) == (STERLING, 233)  # 23,333 USD at 100 USD


def test_sterling_symbol_of_the_fund_is_recognised() -> None:
    snapshot = store_snapshot(cash="200000")
    hold(snapshot, "GXLE", "100", "8000", con_id=STERLING, currency="GBP", rate="1.25", magnifier=100)
    assert ("SELL", "SXLE", 100) in trades(recommend(everything_at("100") | {STERLING: "8000"}))


def test_account_in_another_currency_is_converted_with_the_brokers_rate() -> None:
    snapshot = store_snapshot(cash="200000", currency="GBP")
    AccountValue.objects.create(account=snapshot.account, tag="ExchangeRate", currency="USD", value="0.8", as_of=NOW)
    found = recommend()
    assert trades(found)[0] == ("BUY", "SXLF", 416)  # 33,333 GBP at 80 GBP


def test_without_the_exchange_rate_it_is_held() -> None:
    store_snapshot(cash="200000", currency="GBP")
    found = recommend()
    assert found.advice.trades == ()
    assert "HOLD SXLK: no price. The exchange rate of USD is not known." in found.warnings


def test_no_price_is_held_with_a_warning_that_is_told() -> None:
    hold(store_snapshot(cash="200000"), "SXLE", "100", "100")
    found = recommend(everything_at("100") | {CON_IDS["SXLE"]: None})
    assert "HOLD SXLE: no price. Subscribe to LSE." in found.warnings
    assert not found.advice.sells
    store_recommendation(recommendation=found)
    assert Event.objects.get(step="Rebalance", level="WARN").message == "HOLD SXLE: no price. Subscribe to LSE."
    assert "HOLD SXLE: no price" in reports.as_text(reports.advice_parts(found))


def test_unit_of_an_undescribed_line_is_asked_of_the_broker() -> None:
    snapshot = store_snapshot(cash="200000")
    hold(snapshot, "SXLE", "100", "8000", con_id=STERLING, currency="GBP", rate="1.25", magnifier=100)
    Instrument.objects.filter(con_id=STERLING).update(min_tick=None, price_magnifier=1)

    def answer(kind: str, payload: dict[str, object]) -> list[dict[str, object]] | None:
        if kind == "contract_details":
            return [{"price_magnifier": 100}]
        return quotes(everything_at("100") | {STERLING: "8000"})(kind, payload)

    with answering(answer):
        [sale] = services.recommend_trades(now=NOW).advice.sells
    assert sale.quotation.in_base == 100


def test_other_holdings_are_left_alone_and_named() -> None:
    snapshot = store_snapshot(cash="200000")
    hold(snapshot, "AAPL", "10", "200", con_id=1, exchange="NASDAQ")
    hold(snapshot, "SXLK", "-2", "3", con_id=2, sec_type="OPT")
    found = recommend()
    assert not found.advice.sells
    assert found.warnings == ("Not of this strategy and left alone, though part of the equity: AAPL, SXLK.",)


def test_other_shares_are_sold_where_that_is_set_and_never_options() -> None:
    services.create_revision(values={"other_holdings": "sell"}, reason="An account of its own.", actor="ann")
    snapshot = store_snapshot(cash="200000")
    hold(snapshot, "AAPL", "20", "200", con_id=1, exchange="NASDAQ")
    hold(snapshot, "IWM", "100", "50", con_id=2, sec_type="OPT", exchange="CBOE")
    found = recommend(everything_at("100") | {1: "200"})
    [sale] = found.advice.sells
    assert (sale.symbol, sale.shares) == ("AAPL", 20)
    assert sale.reason == "not a fund of the strategy: 4.0% to 0.0%"


def test_documents_have_the_agreed_keys() -> None:
    hold(store_snapshot(cash="200000"), "SXLE", "50", "100")
    found = recommend()
    signal, advice = reports.signal_document(found.computed), reports.advice_document(found)
    assert {"signal_date", "rankings", "top_sectors", "target_weights", "top_n"} <= set(signal)
    assert {"symbol", "momentum_12_1", "rank", "target_weight"} <= set(signal["rankings"][0])
    assert signal["top_sectors"] == ["SXLK", "SXLF", "SXLV"]
    agreed = {"symbol", "current_weight", "target_weight", "weight_diff", "action", "shares_to_trade", "price"}
    assert agreed <= set(advice["trades"][0])
    assert advice["net_cash_flow"] == round(advice["sell_value"] - advice["buy_value"], 2)


def test_signal_and_advice_are_stored_together_or_not_at_all() -> None:
    store_snapshot(cash="200000")
    found = recommend()
    broken = replace(found, advice=replace(found.advice, trades=(found.advice.trades[0],) * 2))
    with pytest.raises(Exception, match="strategies_one_trade_per_line"):
        store_recommendation(recommendation=broken)
    assert not MomentumSignal.objects.exists() and not SignalRow.objects.exists()
    assert not RebalanceAdvice.objects.exists() and not AdvisedTrade.objects.exists()
