"""What a portfolio is worth."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.snapshots.domain.valuation import Quoted, find_contradiction
from tests.snapshots.builders import NOW, balance, contract, holding, quoted, valuation

money = st.decimals("0.0001", "100000", places=4)
quantities = st.decimals("-10000", "10000", places=2).filter(lambda quantity: quantity != 0)


def test_stock_is_worth_quantity_times_price() -> None:
    [position] = valuation(holding("10", "90"), quotes={1: quoted("100")}).positions
    assert (position.market_value, position.unrealized_pnl) == (Decimal(1000), Decimal(100))
    assert (position.price.value, position.price.source) == (Decimal(100), "market")


def test_option_counts_its_multiplier_and_average_cost_already_includes_it() -> None:
    """One put sold at 2.50 (average cost 250), now 1.00: worth -100, gained 150."""
    option = contract(multiplier="100")
    [position] = valuation(holding("-1", "250", option), quotes={1: quoted("1.00")}).positions
    assert (position.market_value, position.unrealized_pnl) == (Decimal(-100), Decimal(150))


def test_pence_are_not_pounds() -> None:
    """1,000 shares at 7,250 pence are 72,500 pounds; bought at 70 pounds each."""
    london = contract(symbol="VOD", currency="GBP", magnifier=100)
    [position] = valuation(holding("1000", "70", london), quotes={1: quoted("7250")}, GBP="1.25").positions
    assert (position.market_value, position.unrealized_pnl) == (Decimal(72_500), Decimal(2_500))
    assert (position.exchange_rate, position.base_value) == (Decimal("1.25"), Decimal(90_625))


@pytest.mark.mission(36)
def test_position_without_a_price_is_worth_what_it_cost() -> None:
    london = contract(currency="GBP", magnifier=100, multiplier="1")
    stated = valuation(holding("1000", "70", london), quotes={1: quoted(None, note="subscribe")})
    [position] = stated.positions
    assert (position.price.source, position.price.value, position.price.at) == ("avg_cost", Decimal(7000), NOW)
    assert (position.market_value, position.unrealized_pnl) == (Decimal(70_000), Decimal(0))
    assert stated.unpriced == [position]
    assert position.note == "subscribe"


def test_quote_of_an_undescribed_contract_is_not_used() -> None:
    """Without its details nobody knows whether 7,250 is pounds or pence."""
    unknown = contract(multiplier=None, magnifier=None)
    [position] = valuation(holding("10", "70", unknown), quotes={1: quoted("7250")}).positions
    assert (position.price.source, position.price.value, position.market_value) == ("avg_cost", 70, 700)


def test_base_value_without_a_rate_is_unknown_not_zero() -> None:
    [position] = valuation(holding(of=contract(currency="JPY")), quotes={1: quoted()}).positions
    assert (position.exchange_rate, position.base_value) == (None, None)


def test_closed_positions_are_left_out_and_the_rest_sorted() -> None:
    held = [holding(of=contract(1, "B")), holding("0", of=contract(2, "C")), holding(of=contract(3, "A"))]
    stated = valuation(*held, quotes={1: quoted(), 3: quoted(source="close")})
    assert [position.symbol for position in stated.positions] == ["A", "B"]
    assert stated.sources == {"close": 1, "market": 1}


@given(quantity=quantities, avg_cost=money, price=money, multiplier=st.sampled_from([1, 10, 100]), pence=st.booleans())
def test_value_and_gain_agree_for_every_contract(
    quantity: Decimal, avg_cost: Decimal, price: Decimal, multiplier: int, pence: bool
) -> None:
    of = contract(multiplier=str(multiplier), magnifier=100 if pence else 1)
    [position] = valuation(holding(str(quantity), str(avg_cost), of), quotes={1: quoted(str(price))}).positions
    per_contract = price / 100 * multiplier if pence else price * multiplier
    assert position.market_value == pytest.approx(quantity * per_contract)
    assert position.market_value - position.unrealized_pnl == pytest.approx(quantity * avg_cost)


@given(
    quantity=quantities,
    avg_cost=money,
    multiplier=st.sampled_from(["1", "3", "100"]),
    magnifier=st.sampled_from([1, 100]),
)
def test_average_cost_never_shows_a_gain(quantity: Decimal, avg_cost: Decimal, multiplier: str, magnifier: int) -> None:
    of = contract(multiplier=multiplier, magnifier=magnifier)
    [position] = valuation(holding(str(quantity), str(avg_cost), of), quotes={1: Quoted(None)}).positions
    assert position.unrealized_pnl == 0


@pytest.mark.mission(39)
@pytest.mark.parametrize(
    ("equity", "cash", "positions", "refused"),
    [
        ("10000", "2000", 0, True),
        ("11000.01", "10000", 0, True),
        ("11000", "10000", 0, False),
        ("10000", "-5000", 0, True),
        ("10000", "0", 0, True),
        ("10000", "2000", 1, False),
        ("0", "0", 0, False),
        ("-100", "-100", 0, False),
        ("10000", "10000", 0, False),
    ],
)
def test_equity_far_above_cash_without_positions_is_a_contradiction(
    equity: str, cash: str, positions: int, refused: bool
) -> None:
    found = find_contradiction(Decimal(equity), Decimal(cash), positions)
    assert bool(found) == refused
    assert found is None or "Nothing was stored" in found


def test_balance_builder_states_its_currency() -> None:
    assert balance().currency == "USD"
