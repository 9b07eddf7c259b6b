"""Plain builders of open option trades and of what the broker says of their contracts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from apps.broker.models import Account, Closing, Instrument, Position, Trade
from apps.snapshots.models import PositionSnapshot
from tests.snapshots.answering import Rows

# A Thursday; New York closed at 21:00 UTC, and 16:05 there is now.
AFTER_CLOSE = datetime(2026, 1, 15, 21, 5, tzinfo=UTC)
DURING = datetime(2026, 1, 15, 15, 0, tzinfo=UTC)
DAY = date(2026, 1, 15)
EXPIRY = date(2026, 2, 20)
ACME, SPY, VIX = 900, 901, 902
AROUND = {ACME: ("ACME", "STK", "100"), SPY: ("SPY", "STK", "590.5"), VIX: ("VIX", "IND", "17.25")}


def account(code: str = "DU1") -> Account:
    defaults = {"mode": "paper", "base_currency": "USD", "as_of": DURING}
    return Account.objects.get_or_create(code=code, defaults=defaults)[0]


def option(con_id: int = 1, right: str = "P", strike: str = "95", **values: Any) -> Instrument:
    defaults: dict[str, Any] = {
        "symbol": "ACME",
        "sec_type": "OPT",
        "currency": "USD",
        "exchange": "SMART",
        "trading_class": "ACME",
        "local_symbol": f"ACME  260220{right}{con_id:08d}",
        "expires_on": EXPIRY,
        "strike": Decimal(strike),
        "right": right,
        "multiplier": Decimal(100),
        "min_tick": Decimal("0.01"),
        "as_of": DURING,
    }
    return Instrument.objects.get_or_create(con_id=con_id, defaults=defaults | values)[0]


def open_trade(con_id: int = 1, entry: str = "2.50", contracts: int = 5, **values: Any) -> Trade:
    """Short puts unless told otherwise."""
    instrument = values.pop("instrument", None) or option(con_id)
    defaults: dict[str, Any] = {
        "account": account(),
        "direction": "short",
        "number": 1,
        "opened_at": DURING,
        "quantity": contracts,
        "open_quantity": contracts,
        "entry_price": Decimal(entry),
        "currency": instrument.currency,
    }
    return Trade.objects.create(instrument=instrument, **(defaults | values))


def taken_back(trade: Trade, contracts: int, entry: str) -> None:
    """A part of the trade that was closed already."""
    Closing.objects.create(
        trade=trade,
        entry_order="1",
        exit_order="2",
        opened_at=DURING,
        closed_at=DURING,
        quantity=contracts,
        entry_value=contracts * Decimal(entry) * trade.instrument.multiplier,
        exit_value=0,
        commission=0,
        net=0,
    )


def hold(instrument: Instrument, quantity: int) -> None:
    Position.objects.create(account=account(), instrument=instrument, quantity=quantity, average_cost=250, as_of=DURING)


def gone(con_id: int) -> dict[str, Any]:
    """What the broker says of a contract that it does not know."""
    nothing = dict.fromkeys(("price", "price_source", "greeks"))
    return {"exists": False, "symbol": "", **nothing, "note": f"The broker knows no contract {con_id}."}


def quote(con_id: int, price: str | None = "1.00", **values: Any) -> dict[str, Any]:
    greeks = {"delta": "-0.2", "theta": "-0.05", "gamma": "0.02", "vega": "0.1", "implied_volatility": "0.35"}
    row = {
        "con_id": con_id,
        "exists": True,
        "symbol": "ACME",
        "price": price,
        "price_source": "market" if price else None,
        "greeks": greeks if con_id not in AROUND else None,
        "note": "",
        "refusal": None,
    }
    return row | values


def quotes(**changed: dict[str, Any] | None) -> Any:
    """Every contract has its quote; `_1={...}` changes that of contract 1. A question that names one which is None
    is not answered at all."""

    def answer(payload: dict[str, Any]) -> Rows | None:
        rows = []
        for con_id in payload["con_ids"]:
            change = changed.get(f"_{con_id}", {})
            if change is None:
                return None
            rows.append(quote(con_id, AROUND[con_id][2] if con_id in AROUND else "1.00") | change)
        return rows

    return answer


def details(payload: dict[str, Any]) -> Rows:
    """Options are on ACME; SPY and VIX are found by their names."""
    query = payload["query"]
    named = {name: con_id for con_id, (name, _, _) in AROUND.items()}
    con_id = query.get("con_id") or named[query["symbol"]]
    symbol, sec_type, _ = AROUND.get(con_id, ("ACME", "OPT", ""))
    row = dict.fromkeys(("primary_exchange", "right", "long_name", "time_zone"), "")
    return [
        {
            **row,
            "con_id": con_id,
            "symbol": symbol,
            "sec_type": sec_type,
            "currency": "USD",
            "exchange": "CBOE" if sec_type == "IND" else "SMART",
            "local_symbol": symbol,
            "trading_class": symbol,
            "expires_on": EXPIRY.isoformat() if sec_type == "OPT" else None,
            "strike": "95" if sec_type == "OPT" else None,
            "right": "P" if sec_type == "OPT" else "",
            "multiplier": "100" if sec_type == "OPT" else "1",
            "min_tick": "0.01",
            "price_magnifier": 1,
            "under_con_id": ACME if sec_type == "OPT" else 0,
        }
    ]


def stored(trade: Trade, day: date = DAY, **values: Any) -> PositionSnapshot:
    defaults: dict[str, Any] = {
        "current_premium": Decimal("1.00"),
        "current_pnl": Decimal(750),
        "current_pnl_pct": 0.6,
        "dte_remaining": (EXPIRY - day).days,
        **{"delta": -0.2, "theta": -0.05, "gamma": 0.02, "vega": 0.1, "iv": 0.35},
        "stock_price": Decimal(100),
        "distance_to_strike_pct": 0.05,
        "vix": 17.25,
        "spy_price": Decimal("590.5"),
        "captured_at": datetime(day.year, day.month, day.day, 21, 5, tzinfo=UTC),
        "price_source": "market",
    }
    found = defaults | values
    return PositionSnapshot.objects.create(
        trade=trade,
        account=trade.account,
        instrument=trade.instrument,
        snapshot_date=day,
        missing_count=len(found.get("missing", {})),
        **found,
    )
