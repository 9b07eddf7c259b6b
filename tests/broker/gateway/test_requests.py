"""What other processes may ask, and what they are told when nobody can say."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from apps.broker import services as broker
from apps.broker.choices import RequestKind, RequestState, SessionState
from apps.broker.gateway.history_pacing import Question
from apps.broker.models import Account, EquityPoint, Instrument, Request
from apps.broker.selectors import GATEWAY_NOT_RUNNING
from apps.broker.simulator.testing import SimulatorProcess
from tests.broker.gateway.running import ACCOUNT, RunningGateway, running
from tests.waiting import wait_for
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

pytestmark = pytest.mark.django_db(transaction=True)

# Each has a line of its own while the gateway runs.
OPENING_POSITIONS = 10


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Iterator[RunningGateway]:
    with running(simulator) as gateway:
        yield gateway


def known(kind: RequestKind, payload: dict[str, object], **options: object) -> list[dict[str, object]]:
    answer = broker.ask(kind, payload, **options)
    assert isinstance(answer, Known), answer
    assert abs((clock.now() - answer.as_of).total_seconds()) < 20
    return answer.value


def con_id(symbol: str, sec_type: str = "STK", exchange: str = "SMART", currency: str = "USD") -> int:
    query = {"symbol": symbol, "sec_type": sec_type, "exchange": exchange, "currency": currency}
    return int(str(known(RequestKind.CONTRACT_DETAILS, {"query": query})[0]["con_id"]))


def test_quote_has_price_source_and_currency(gateway: RunningGateway) -> None:
    spy = con_id("SPY")
    begun = time.monotonic()
    [quote] = known(RequestKind.QUOTES, {"con_ids": [spy]})
    print(f"quote in {1000 * (time.monotonic() - begun):.0f} ms")
    assert (quote["symbol"], quote["price_source"], quote["market_data_type"]) == ("SPY", "market", 1)
    assert quote["currency"] == "USD" and quote["greeks"] is None and quote["note"] == ""
    assert Decimal(str(quote["bid"])) <= Decimal(str(quote["price"])) <= Decimal(str(quote["ask"]))


def test_index_quote_has_a_price_without_a_market(gateway: RunningGateway) -> None:
    vix = con_id("VIX", "IND", "CBOE")
    [quote] = known(RequestKind.QUOTES, {"con_ids": [vix]})
    assert quote["price_source"] == "market" and quote["bid"] is None


def test_option_quote_has_greeks(gateway: RunningGateway) -> None:
    chains = known(RequestKind.OPTION_CHAIN, {"con_id": con_id("SPY")})
    smart = next(chain for chain in chains if chain["exchange"] == "SMART")
    query = {
        "symbol": "SPY",
        "sec_type": "OPT",
        "exchange": "SMART",
        "currency": "USD",
        "expires_on": smart["expirations"][4],
        "right": "P",
    }
    options = known(RequestKind.CONTRACT_DETAILS, {"query": query})
    middle = options[len(options) // 2]
    [quote] = known(RequestKind.QUOTES, {"con_ids": [middle["con_id"]]})
    greeks = quote["greeks"]
    assert isinstance(greeks, dict)
    assert -1 <= Decimal(greeks["delta"]) <= 0 and Decimal(greeks["implied_volatility"]) > 0
    assert Decimal(greeks["theta"]) < 0 < Decimal(greeks["vega"])
    assert Decimal(greeks["underlying_price"]) > 0


@pytest.mark.mission(36)
def test_delayed_data_is_used_and_named_with_a_hint(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    iwm, qqq = con_id("IWM"), con_id("QQQ")
    simulator.control("entitle delayed IWM")
    rows = {row["symbol"]: row for row in known(RequestKind.QUOTES, {"con_ids": [iwm, qqq]})}
    assert (rows["IWM"]["price_source"], rows["IWM"]["market_data_type"]) == ("delayed", 3)
    assert "subscribe" in str(rows["IWM"]["note"]) and "354" in str(rows["IWM"]["note"])
    assert (rows["QQQ"]["price_source"], rows["QQQ"]["note"]) == ("market", "")


@pytest.mark.mission(36)
def test_without_any_permission_there_is_no_price_but_a_hint(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    iwm = con_id("IWM")
    simulator.control("entitle none")
    [quote] = known(RequestKind.QUOTES, {"con_ids": [iwm]})
    assert (quote["price"], quote["price_source"], quote["market_data_type"]) == (None, None, None)
    assert "No live market data permission for IWM" in str(quote["note"])
    simulator.control("entitle live")
    [quote] = known(RequestKind.QUOTES, {"con_ids": [iwm]})
    assert quote["price_source"] == "market"


def test_lines_are_given_back_whatever_happened(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    wait_for(lambda: gateway.do(lambda: gateway.gateway.lines.in_use) == OPENING_POSITIONS)
    iwm = con_id("IWM")
    simulator.control("entitle delayed IWM")
    known(RequestKind.QUOTES, {"con_ids": [iwm, con_id("QQQ"), 999_999_999]})
    wait_for(lambda: gateway.do(lambda: gateway.gateway.lines.in_use) == OPENING_POSITIONS)
    wait_for(lambda: simulator.control("status")["lines"] == OPENING_POSITIONS)


def test_line_whose_cancel_was_refused_for_coming_too_fast_is_cancelled_again(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    wait_for(lambda: simulator.control("status")["lines"] == OPENING_POSITIONS, seconds=30)
    iwm = con_id("IWM")
    simulator.control("fail cancelMktData 100 1")
    known(RequestKind.QUOTES, {"con_ids": [iwm]})
    wait_for(lambda: cancels_of_data(simulator) == 2, seconds=30)
    wait_for(lambda: simulator.control("status")["lines"] == OPENING_POSITIONS, seconds=30)
    assert gateway.do(lambda: gateway.gateway.lines.in_use) == OPENING_POSITIONS


def cancels_of_data(simulator: SimulatorProcess) -> int:
    return sum(row["type"] == "cancelMktData" for row in simulator.control("log 2000 1001")["messages"])


def test_unknown_contract_has_no_price_and_says_so(gateway: RunningGateway) -> None:
    [quote] = known(RequestKind.QUOTES, {"con_ids": [999_999_999]})
    assert quote["price"] is None and "999999999" in str(quote["note"])
    assert quote["exists"] is False


def test_option_that_only_our_table_knows_is_told_to_be_gone(gateway: RunningGateway) -> None:
    """Expired: the row has all that a subscription needs, and the broker refuses it with 200."""
    con_id_of_spy = con_id("SPY")
    Instrument.objects.create(
        con_id=999_999_998,
        symbol="SPY",
        sec_type="OPT",
        currency="USD",
        exchange="SMART",
        trading_class="SPY",
        local_symbol="SPY   200117P00300000",
        expires_on=date(2020, 1, 17),
        strike=300,
        right="P",
        multiplier=100,
        min_tick=Decimal("0.01"),
        as_of=clock.now(),
    )
    spy, gone = known(RequestKind.QUOTES, {"con_ids": [con_id_of_spy, 999_999_998]})
    assert (spy["exists"], gone["exists"], gone["price"], gone["symbol"]) == (True, False, None, "")
    assert "IBKR 200" in str(gone["note"])


def test_line_budget_is_never_exceeded() -> None:
    """40 options through 8 lines, half of which are budgeted away: the broker counts too, and refuses a ninth."""
    with SimulatorProcess("--lines", "8") as simulator, running(simulator, market_data_lines=8) as gateway:
        chain = next(
            item for item in known(RequestKind.OPTION_CHAIN, {"con_id": con_id("SPY")}) if item["exchange"] == "SMART"
        )
        query = {
            "symbol": "SPY",
            "sec_type": "OPT",
            "exchange": "SMART",
            "currency": "USD",
            "expires_on": chain["expirations"][3],
        }
        found = known(RequestKind.CONTRACT_DETAILS, {"query": query})
        wanted = [item["con_id"] for item in found[:40]]
        rows = known(RequestKind.QUOTES, {"con_ids": wanted}, timeout=40)
        assert [row["con_id"] for row in rows] == wanted
        assert all(row["price"] for row in rows) and not any("101" in str(row["note"]) for row in rows)
        assert gateway.do(lambda: gateway.gateway.lines.most_used) <= 7
        kept = gateway.gateway.lines.most_kept
        wait_for(lambda: simulator.control("status")["lines"] == kept)


def test_account_summary_is_read_and_cancelled(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    for _ in range(4):
        rows = known(RequestKind.ACCOUNT_SUMMARY, {"account": ""})
        assert {row["account"] for row in rows} == {ACCOUNT}
        assert any(row["tag"] == "NetLiquidation" and Decimal(str(row["value"])) > 0 for row in rows)
        gateway.do(lambda: gateway.gateway.desk._answers._live._shared._recent.clear())
    clients = simulator.control("status")["clients"]
    assert not any("summary" in name for client in clients for name in client["subscriptions"])


def test_positions_and_open_orders_are_read_now(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    perm_id = simulator.control("order QQQ BUY 10 1")["perm_id"]
    rows = known(RequestKind.POSITIONS, {"account": ACCOUNT})
    spy = next(row for row in rows if row["symbol"] == "SPY" and row["sec_type"] == "STK")
    assert Decimal(str(spy["position"])) > 0 and Decimal(str(spy["market_price"])) > 0
    [order] = known(RequestKind.OPEN_ORDERS, {})
    assert (order["perm_id"], order["symbol"], order["action"], order["total_qty"]) == (perm_id, "QQQ", "BUY", "10")


def test_concurrent_reads_are_one_question(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    def count() -> int:
        messages = simulator.control("log 1000 1001")["messages"]
        return sum(message["type"] == "reqAllOpenOrders" for message in messages)

    threads = [threading.Thread(target=known, args=(RequestKind.OPEN_ORDERS, {})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count() == 1


def test_another_account_is_refused_by_name(gateway: RunningGateway) -> None:
    answer = broker.ask(RequestKind.POSITIONS, {"account": "DU9999999"})
    assert answer == Unknown(f"DU9999999 is not an account of this login; it has {ACCOUNT}.")


def test_daily_and_intraday_bars(gateway: RunningGateway) -> None:
    spy = con_id("SPY")
    daily = known(
        RequestKind.HISTORY,
        {"con_id": spy, "duration": "1 M", "bar_size": "1 day", "what": "TRADES", "use_rth": True, "end": ""},
    )
    assert len(daily) > 15 and len(str(daily[0]["start"])) == 10
    assert Decimal(str(daily[0]["low"])) <= Decimal(str(daily[0]["close"])) <= Decimal(str(daily[0]["high"]))
    hours = known(
        RequestKind.HISTORY,
        {"con_id": spy, "duration": "2 D", "bar_size": "1 hour", "what": "MIDPOINT", "use_rth": True, "end": ""},
    )
    assert str(hours[0]["start"]).endswith("+00:00") and hours[0]["volume"] is None


def history_questions(simulator: SimulatorProcess) -> int:
    messages = simulator.control("log 5000 1001")["messages"]
    return sum(message["type"] == "reqHistoricalData" for message in messages)


def test_identical_history_is_asked_once(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    """The simulator enforces IB's rule and would answer a repetition with 162."""
    question = {"con_id": con_id("SPY"), "duration": "5 D", "bar_size": "1 day", "what": "TRADES", "end": ""}
    first = known(RequestKind.HISTORY, question)
    threads = [threading.Thread(target=known, args=(RequestKind.HISTORY, question)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert known(RequestKind.HISTORY, question) == first
    assert history_questions(simulator) == 1


def test_history_waits_for_its_turn_and_refuses_what_comes_too_late(
    simulator: SimulatorProcess, gateway: RunningGateway
) -> None:
    spy = con_id("SPY")
    questions = [
        {"con_id": spy, "duration": f"{days} D", "bar_size": "1 day", "what": "TRADES", "end": ""}
        for days in range(1, 9)
    ]
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda question: broker.ask(RequestKind.HISTORY, question), questions))
    assert all(isinstance(answer, Known) for answer in answers), answers
    assert 2 < time.monotonic() - begun < 6, "the sixth within 2 s has to wait"
    budget = gateway.gateway.history._budget
    gateway.do(lambda: [budget.spend(Question((number,), (number,)), gateway.loop.time()) for number in range(60)])
    late = broker.ask(RequestKind.HISTORY, questions[0] | {"duration": "20 D"}, timeout=3)
    assert isinstance(late, Unknown) and "pacing" in late.reason


def test_symbols_can_be_searched(gateway: RunningGateway) -> None:
    rows = known(RequestKind.CONTRACT_DETAILS, {"pattern": "SPY"})
    assert any(row["symbol"] == "SPY" and row["currency"] == "USD" for row in rows)


def test_nonsense_is_answered_with_what_is_allowed(gateway: RunningGateway) -> None:
    answer = broker.ask(RequestKind.CONTRACT_DETAILS, {"query": {"colour": "red"}})
    assert isinstance(answer, Unknown) and "symbol" in answer.reason and "colour" in answer.reason
    assert isinstance(broker.ask(RequestKind.QUOTES, {}), Unknown)
    assert known(RequestKind.CONTRACT_DETAILS, {"query": {"symbol": "NOSUCH", "sec_type": "STK"}}) == []


def test_ask_works_inside_a_transaction(gateway: RunningGateway) -> None:
    with transaction.atomic():
        assert known(RequestKind.POSITIONS, {"account": ""})


def test_many_questions_are_answered_each_at_its_place_and_few_wait_at_once(gateway: RunningGateway) -> None:
    contracts = [con_id(symbol) for symbol in ("SPY", "QQQ", "AAPL")]
    questions = [broker.Question(RequestKind.QUOTES, {"con_ids": [contracts[place % 3]]}) for place in range(12)]
    found, waiting = {}, []
    for place, answer in broker.ask_each(questions, timeout=40.0, at_once=3):
        waiting.append(Request.objects.filter(state__in=["pending", "claimed"]).count())
        assert isinstance(answer, Known), answer
        found[place] = answer.value[0]["con_id"]
    assert found == {place: contracts[place % 3] for place in range(12)}
    assert max(waiting) < 3


def test_question_that_cannot_be_answered_holds_up_no_other(gateway: RunningGateway) -> None:
    spy = con_id("SPY")
    lost = broker.Question(RequestKind.HISTORY, {"nonsense": True})
    kept = broker.Question(RequestKind.QUOTES, {"con_ids": [spy]})
    answers = dict(broker.ask_each([lost, kept, lost, kept], timeout=40.0, at_once=2))
    assert [isinstance(answers[place], Known) for place in range(4)] == [False, True, False, True]
    assert not Request.objects.filter(state__in=["pending", "claimed"]).exists()


def test_many_questions_without_a_gateway_are_each_unknown_at_once() -> None:
    questions = [broker.Question(RequestKind.POSITIONS, {})] * 3
    answers = list(broker.ask_each(questions, timeout=5.0, at_once=2))
    assert [place for place, _ in answers] == [0, 1, 2]
    assert {answer.reason for _, answer in answers if isinstance(answer, Unknown)} == {GATEWAY_NOT_RUNNING}


def test_refusal_is_told_by_its_meaning(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    spy, qqq = con_id("SPY"), con_id("QQQ")
    simulator.control("entitle none QQQ")
    rows = {row["con_id"]: row for row in known(RequestKind.QUOTES, {"con_ids": [spy, qqq]}, timeout=40.0)}
    assert (rows[spy]["refusal"], rows[qqq]["refusal"]) == (None, "no market data permission")


def test_ask_without_a_gateway_says_so_at_once() -> None:
    begun = time.monotonic()
    assert broker.ask(RequestKind.POSITIONS, {"account": ""}) == Unknown(GATEWAY_NOT_RUNNING)
    assert time.monotonic() - begun < 1


def test_ask_while_disconnected_says_so_at_once(simulator: SimulatorProcess) -> None:
    port = simulator.port
    simulator.stop()
    with running(simulator, ready=False, port=port) as gateway:
        gateway.wait_state(SessionState.DISCONNECTED)
        begun = time.monotonic()
        answer = broker.ask(RequestKind.POSITIONS, {"account": ""})
        assert time.monotonic() - begun < 2
        assert (
            isinstance(answer, Unknown) and answer.reason.startswith("not connected") and "IBKR_PORT" in answer.reason
        )


def test_ask_during_1100_says_so_at_once(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("1100")
    gateway.wait_state(SessionState.BROKER_LOST)
    answer = broker.ask(RequestKind.QUOTES, {"con_ids": [1]})
    assert isinstance(answer, Unknown) and "1100" in answer.reason


def test_ask_before_the_first_synchronisation_is_not_ready(simulator: SimulatorProcess) -> None:
    simulator.control("mute reqPositions 10")
    simulator.control("mute reqCompletedOrders 10")
    with running(simulator, ready=False) as gateway:
        gateway.wait_state(SessionState.DISCONNECTED, seconds=30)
        simulator.control("mute reqPositions 0")
        gateway.wait_state(SessionState.RECONCILING, seconds=30)
        answer = broker.ask(RequestKind.POSITIONS, {"account": ""})
        assert isinstance(answer, Unknown) and answer.reason.startswith("service not ready")


def test_mute_broker_does_not_hang_the_asker(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    simulator.control("mute reqContractDetails 5")
    begun = time.monotonic()
    answer = broker.ask(RequestKind.CONTRACT_DETAILS, {"query": {"symbol": "SPY", "sec_type": "STK"}}, timeout=1.5)
    assert isinstance(answer, Unknown) and "timed out" in answer.reason
    assert time.monotonic() - begun < 3


def test_error_without_end_is_an_answer(simulator: SimulatorProcess, gateway: RunningGateway) -> None:
    """The library takes 321 for a warning and would wait for ever."""
    simulator.control("fail reqContractDetails 321 5")
    begun = time.monotonic()
    answer = broker.ask(RequestKind.CONTRACT_DETAILS, {"query": {"symbol": "SPY", "sec_type": "STK"}})
    assert isinstance(answer, Unknown) and "321" in answer.reason
    assert time.monotonic() - begun < 2


def test_expired_request_is_given_up(gateway: RunningGateway) -> None:
    late = Request.objects.create(kind=RequestKind.QUOTES, deadline=clock.now() - timedelta(seconds=1))
    old = Request.objects.create(
        kind=RequestKind.QUOTES, deadline=clock.now() - timedelta(days=2), created_at=clock.now() - timedelta(days=2)
    )
    wait_for(lambda: Request.objects.get(id=late.id).state == RequestState.UNKNOWN)
    assert "timed out" in Request.objects.get(id=late.id).reason
    account = Account.objects.get()
    EquityPoint.objects.create(
        account=account, at=clock.now() - timedelta(days=15), currency="USD", net_liquidation=1_000_000
    )
    gateway.do(lambda: setattr(gateway.gateway.desk, "_pruned_at", None))
    wait_for(lambda: not Request.objects.filter(id=old.id).exists())
    wait_for(lambda: not EquityPoint.objects.filter(at__lt=clock.now() - timedelta(days=14)).exists())
    assert Request.objects.filter(id=late.id).exists()
