"""What guards the account: how much of each limit is used, circuit breakers, breaks between ledger and broker."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.broker import selectors as broker
from apps.broker.models import Account
from apps.risk import reconciliation_selectors as reconciliation
from apps.risk.breaker_selectors import breaker_views
from apps.risk.choices import LimitName
from apps.risk.day import read_day, read_peak
from apps.risk.domain.facts import Holding
from apps.risk.domain.limits import CATALOGUE, Unit
from apps.risk.gathering.book import Book
from apps.risk.models import Break, ReconciliationRun
from apps.risk.selectors import EffectiveLimit, effective_limits
from tradeops.lib.known import Known, Unknown

N = LimitName
MINUTE = timedelta(minutes=1)
NEAR = Decimal("0.8")
MOST_BREAKS = 8
Use = Known[Decimal] | Unknown


@dataclass(frozen=True, slots=True)
class LimitUse:
    """`share` of the limit, 1 is all of it; None where the use is unknown or nothing is limited."""

    name: str
    label: str
    used: str | None
    limit: str | None
    share: float | None
    tone: str
    unknown: str
    as_of: datetime | None


def guards_section(now: datetime) -> dict[str, Any]:
    account = broker.default_account()
    return {
        "as_of": now,
        "limits": limits_used(account, now) if account else [],
        "limits_unknown": "" if account else "no account is known yet",
        "breakers": [breaker.as_row() for breaker in breaker_views(now=now)],
        **breaks_of(account),
    }


def limits_used(account: Account, now: datetime) -> list[dict[str, Any]]:
    limits = effective_limits(account=account.code, now=now)
    return [asdict(use_of(limits[name], used)) for name, used in uses_of(account, now).items()]


def uses_of(account: Account, now: datetime) -> dict[LimitName, Use]:
    """What counts against each limit now; fractions are of the equity."""
    book = Book(account)
    holdings, equity = book.holdings(now), broker.account_value(account.code, "NetLiquidation")
    last_minute, _ = broker.given_since(account, now - MINUTE)
    today, _ = broker.given_since(account, broker.trading_day_start(now))
    return {
        N.MAX_DAILY_LOSS: daily_loss(account, equity, now),
        N.MAX_DRAWDOWN_LIMIT: drawdown(account, equity, now),
        N.MAX_GROSS_EXPOSURE: exposure(holdings, equity, gross=True),
        N.MAX_NET_EXPOSURE: exposure(holdings, equity, gross=False),
        N.MAX_POSITIONS: held(holdings),
        N.MAX_OPEN_ORDERS: counted(len(book.open_orders(now)), now),
        N.MAX_ORDERS_PER_MINUTE: counted(last_minute, now),
        N.MAX_ORDERS_PER_DAY: counted(today, now),
    }


def counted(number: int, now: datetime) -> Use:
    return Known(Decimal(number), now)


def held(holdings: Known[tuple[Holding, ...]] | Unknown) -> Use:
    if isinstance(holdings, Unknown):
        return holdings
    return Known(Decimal(sum(bool(row.quantity) for row in holdings.value)), holdings.as_of)


def exposure(holdings: Known[tuple[Holding, ...]] | Unknown, equity: Use, *, gross: bool) -> Use:
    if isinstance(holdings, Unknown):
        return holdings
    values = [row.value for row in holdings.value if row.quantity]
    stated = [value for value in values if value is not None]
    if len(stated) < len(values):
        return Unknown(f"{len(values) - len(stated)} positions cannot be valued")
    total = sum((abs(value) if gross else value for value in stated), Decimal(0))
    return share_of(abs(total), equity)


def daily_loss(account: Account, equity: Use, now: datetime) -> Use:
    today = read_day(account, equity, now)
    if isinstance(today, Unknown):
        return today
    as_of = equity.as_of if isinstance(equity, Known) else now
    return loss_from(today.base, Known(today.base + today.pnl, as_of))


def drawdown(account: Account, equity: Use, now: datetime) -> Use:
    peak = read_peak(account, now)
    return Unknown("no peak of the equity is known yet") if peak is None else loss_from(peak, equity)


def loss_from(before: Decimal, equity: Use) -> Use:
    if isinstance(equity, Unknown):
        return equity
    if before <= 0:
        return Unknown("the equity to compare with is not positive")
    return Known(max(Decimal(0), (before - equity.value) / before), equity.as_of)


def share_of(value: Decimal, equity: Use) -> Use:
    if isinstance(equity, Unknown):
        return equity
    return Known(value / equity.value, equity.as_of) if equity.value > 0 else Unknown("equity is not positive")


def use_of(limit: EffectiveLimit, used: Use) -> LimitUse:
    name, label = limit.name.value, LimitName(limit.name).label
    unit, shown = CATALOGUE[limit.name].unit, limit.value
    most = None if shown is None else in_unit(shown, unit)
    if isinstance(used, Unknown):
        return LimitUse(name, label, None, most, None, "", used.reason, None)
    share = share_used(used.value, shown)
    return LimitUse(
        name,
        label,
        in_unit(used.value, unit),
        most,
        None if share is None else float(share),
        tone_of(share),
        "",
        used.as_of,
    )


def share_used(used: Decimal, limit: Decimal | None) -> Decimal | None:
    if limit is None:
        return None
    if limit == 0:
        return Decimal(1) if used > 0 else Decimal(0)
    return used / limit


def tone_of(share: Decimal | None) -> str:
    if share is None:
        return ""
    return "bad" if share >= 1 else "warn" if share >= NEAR else "good"


def in_unit(value: Decimal, unit: Unit) -> str:
    return f"{value * 100:.1f} %" if unit is Unit.FRACTION else f"{value.normalize():f}"


def breaks_of(account: Account | None) -> dict[str, Any]:
    run = reconciliation.latest_run(account)
    rows = reconciliation.open_breaks()
    return {
        "breaks": [break_row(row) for row in rows[:MOST_BREAKS]],
        "break_count": rows.count(),
        "reconciliation": run_row(run),
    }


def break_row(row: Break) -> dict[str, Any]:
    return {
        "id": row.pk,
        "title": row.title,
        "ledger": row.ledger_value,
        "broker": row.broker_value,
        "state": row.state,
        "state_label": row.get_state_display(),
        "since": row.first_seen_at,
    }


def run_row(run: ReconciliationRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {"verdict": run.verdict, "problem": run.problem, "as_of": run.started_at}
