"""Plain builders of what snapshots, mirror and jobs hold."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from apps.broker.choices import HoldingChangeKind
from apps.broker.models import (
    Account,
    BrokerOrder,
    Commission,
    ExchangeRate,
    Execution,
    GatewaySession,
    Instrument,
    Position,
)
from apps.broker.services import trades
from apps.jobs.models import JobRun
from apps.snapshots.models import PortfolioSnapshot, SnapshotPosition

NOW = datetime(2026, 2, 1, 21, 0, tzinfo=UTC)


def at(day: date, hour: int = 16, minute: int = 35) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def account(code: str = "DU123", currency: str = "USD") -> Account:
    return Account.objects.create(code=code, mode="paper", base_currency=currency, as_of=NOW)


def instrument(symbol: str = "SXLK", con_id: int = 1, **fields: Any) -> Instrument:
    defaults = {"sec_type": "STK", "currency": "USD", "local_symbol": symbol, "as_of": NOW}
    return Instrument.objects.create(con_id=con_id, symbol=symbol[:32], **{**defaults, **fields})


def snapshot(of: Account, day: date, equity: str | float, cash: str | float = 1000, **fields: Any) -> PortfolioSnapshot:
    values = {"taken_at": at(day), "currency": of.base_currency, **fields}
    money = {"total_equity": Decimal(str(equity)), "cash": Decimal(str(cash))}
    return PortfolioSnapshot.objects.create(account=of, date=day, **money, **values)


def snapshots(of: Account, first: date, equities: Sequence[str | float]) -> list[PortfolioSnapshot]:
    return [snapshot(of, first + timedelta(days=number), equity) for number, equity in enumerate(equities)]


def holding(
    of: PortfolioSnapshot, what: Instrument, quantity: str, price: str, cost: str = "90", **fields: Any
) -> SnapshotPosition:
    units, value = Decimal(quantity), Decimal(quantity) * Decimal(price) * what.multiplier / what.price_magnifier
    same = what.currency == of.currency
    defaults = {
        "symbol": what.symbol,
        "currency": what.currency,
        "avg_cost": Decimal(cost),
        "market_price": Decimal(price),
        "market_value": value,
        "unrealized_pnl": value - units * Decimal(cost),
        "price_source": "market",
        "priced_at": of.taken_at,
        "exchange_rate": Decimal(1) if same else None,
        "base_value": value if same else None,
    }
    return SnapshotPosition.objects.create(snapshot=of, instrument=what, quantity=units, **{**defaults, **fields})


def execution(
    of: Account,
    what: Instrument,
    side: str,
    quantity: str,
    price: str,
    when: datetime,
    *,
    commission: str | None = "1",
    commission_currency: str = "",
    perm_id: int = 0,
    corrects: Execution | None = None,
) -> Execution:
    number = Execution.objects.count() + 1
    key = corrects.exec_key if corrects else f"0000e0d5.{number:08}.01"
    if corrects:
        Execution.objects.filter(exec_key=key).update(is_current=False)
    row = Execution.objects.create(
        exec_id=f"{key}.{2 if corrects else 1:02}",
        exec_key=key,
        revision=2 if corrects else 1,
        perm_id=corrects.perm_id if corrects else perm_id or 1000 + number,
        order_id=number,
        client_id=1,
        account=of,
        instrument=what,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        executed_at=when,
        as_of=when,
    )
    if commission is not None:
        currency = commission_currency or what.currency
        Commission.objects.create(execution=row, amount=Decimal(commission), currency=currency, as_of=when)
    trades.derive_trades(account_id=of.pk, instrument_id=what.pk)
    return row


def rate(of: Account, currency: str, value: str, when: datetime) -> ExchangeRate:
    return ExchangeRate.objects.create(account=of, currency=currency, at=when, rate=Decimal(value))


def order(of: Account, what: Instrument, perm_id: int, order_type: str = "LMT", **fields: Any) -> BrokerOrder:
    defaults = {"side": "BUY", "quantity": Decimal(10), "status": "Filled", "is_open": False}
    seen = {"order_id": perm_id, "client_id": 1, "first_seen_at": NOW, "as_of": NOW}
    return BrokerOrder.objects.create(
        perm_id=perm_id, account=of, instrument=what, order_type=order_type, **{**defaults, **seen, **fields}
    )


def mirror_holds(of: Account, quantities: dict[Instrument, str], *, as_of: datetime = NOW) -> None:
    """The gateway has synchronised, this is what the broker holds, and the ledger has been compared with it."""
    GatewaySession.objects.update_or_create(
        id=GatewaySession.ONLY,
        defaults={
            "host": "127.0.0.1",
            "port": 7497,
            "state": "ready",
            "mode": "paper",
            "synchronised_at": as_of,
            "state_since": as_of,
            "heartbeat_at": as_of,
        },
    )
    for what, quantity in quantities.items():
        Position.objects.create(
            account=of, instrument=what, quantity=Decimal(quantity), average_cost=Decimal(1), as_of=as_of
        )
    for pk in set(Execution.objects.filter(account=of).values_list("instrument", flat=True)):
        compare(of, Instrument.objects.get(pk=pk), {each.pk: held for each, held in quantities.items()}.get(pk, "0"))


def compare(of: Account, what: Instrument, held: str) -> None:
    """What is held less what was executed was held before."""
    rows = Execution.objects.filter(account=of, instrument=what, is_current=True).order_by("executed_at")
    traded = sum((row.quantity if row.side == "BUY" else -row.quantity for row in rows), Decimal(0))
    trades.book_holding_change(
        account=of,
        instrument=what,
        kind=HoldingChangeKind.OPENING,
        quantity=Decimal(held) - traded,
        at=rows[0].executed_at - timedelta(microseconds=1),
        reason="what is held less what was executed since",
    )


def run(job: str, state: str, begun: datetime, *, seconds: float = 2, attempt: int = 1, error: str = "") -> JobRun:
    ended = begun + timedelta(seconds=seconds) if state not in ("queued", "running", "waiting-retry") else None
    return JobRun.objects.create(
        job=job,
        state=state,
        attempt=attempt,
        max_attempts=3,
        created_at=begun,
        started_at=begun,
        ended_at=ended,
        started_by="schedule",
        error=error,
    )


SECTORS = ("SXLK", "SXLF", "SXLE", "SXLV", "SXLY", "SXLP", "SXLI", "SXLB", "SXLU")


def busy_desk(last: date, *, days: int = 400, positions: int = 9, seed: int = 7) -> Account:
    """An account with a year of snapshots, holdings, trades, payments and job runs."""
    chance = random.Random(seed)
    desk = account()
    names = [*SECTORS, *(f"TEST{number:03}" for number in range(positions))][:positions]
    held = [instrument(name, con_id=100 + number) for number, name in enumerate(names)]
    equity, rows = 100_000.0, []
    for number in range(days):
        day = last - timedelta(days=days - 1 - number)
        if day.weekday() < 5:
            equity *= math.exp(chance.gauss(0.0004, 0.009))
        rows.append(
            PortfolioSnapshot(
                account=desk,
                date=day,
                taken_at=at(day),
                currency="USD",
                total_equity=Decimal(f"{equity:.4f}"),
                cash=Decimal(f"{equity * 0.07:.4f}"),
            )
        )
    PortfolioSnapshot.objects.bulk_create(rows)
    share = 0.93 / max(1, positions)
    for row in (rows[-1], rows[-8], rows[-40]) if len(rows) > 40 else rows[-1:]:
        for number, what in enumerate(held):
            price = 40 + 3 * number + chance.gauss(0, 2)
            units = int(float(rows[-1].total_equity) * share / 60)
            holding(row, what, str(units), f"{price:.2f}", cost=f"{41 + 3 * number:.2f}")
    return desk
