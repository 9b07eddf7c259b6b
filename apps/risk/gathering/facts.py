"""The tables' part of the facts. Called under the account's lock, so that two orders cannot both take the last room."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import connection

from apps.broker import gate
from apps.broker import selectors as broker_state
from apps.broker.choices import Scope, StopSource, TradingMode, TradingPermission
from apps.broker.domain.mode import Login, refusal
from apps.broker.models import Account, Instrument, Order, TradingState
from apps.broker.services import Terms
from apps.risk.day import watched_at
from apps.risk.domain.facts import Facts, Intent
from apps.risk.domain.hours import market_is_open, trades_by
from apps.risk.gathering.answers import Answers, Hours
from apps.risk.gathering.book import Book, parent_remaining
from apps.risk.models import Restriction
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def intent_of(terms: Terms, *, parent: Order | None = None, oca_group: str = "") -> Intent:
    instrument = terms.instrument
    return Intent(
        con_id=instrument.con_id,
        symbol=instrument.symbol,
        sec_type=instrument.sec_type,
        currency=instrument.currency,
        side=terms.side,
        quantity=terms.quantity,
        order_type=terms.order_type,
        purpose=terms.purpose,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        multiplier=instrument.multiplier,
        price_magnifier=Decimal(instrument.price_magnifier),
        min_tick=instrument.min_tick,
        outside_regular_hours=terms.outside_regular_hours,
        oca_group=oca_group,
        parent_quantity=parent_remaining(parent) if parent else None,
        strike=instrument.strike,
        right=instrument.right,
        is_collared=terms.is_collared,
    )


def gather(
    terms: Terms,
    answers: Answers,
    *,
    now: datetime,
    givers: Collection[str] = (),
    besides: UUID | None = None,
    lately: timedelta = timedelta(),
) -> Facts:
    """`besides` names the order itself where the ledger has it already, `givers` who gives it and for whom; `lately` is
    how far back repetitions count.
    """
    account, instrument = terms.account, terms.instrument
    found = gate.look(account=account.code, strategy=terms.strategy, con_id=instrument.con_id)
    session = broker_state.session(now=now)
    book = Book(account)
    last_second, _ = broker_state.given_since(account, now - SECOND, strategy=terms.strategy, besides=besides)
    last_minute, _ = broker_state.given_since(account, now - MINUTE, besides=besides)
    today, traded_today = broker_state.given_since(account, broker_state.trading_day_start(now), besides=besides)
    return Facts(
        now=now,
        permission=TradingPermission(found.permission),
        stop_reasons=found.reasons,
        clock_skew=clock_skew(),
        broker_clock_offset=session.clock_offset,
        watched_at=watched_at(account),
        session_problem="" if session.admits(terms.purpose) else f"{session.state.label}. {session.reason}".strip(),
        restart_is_near=settings.BROKER.restarts.contains(now),
        mode_problem=mode_problem(account),
        restriction=restriction(instrument, terms.strategy, givers),
        break_problem=break_problem(instrument),
        market_is_open=market_is_open(
            sec_type=instrument.sec_type,
            primary_exchange=instrument.primary_exchange,
            exchange=instrument.exchange,
            currency=instrument.currency,
            now=now,
        ),
        broker_says_open=broker_says_open(answers.hours, now),
        quote=answers.quote,
        equity=answers.equity,
        available_funds=answers.available_funds,
        exchange_rate=book.rate(instrument.currency, now),
        average_volume=answers.average_volume,
        holdings=book.holdings(now),
        open_orders=book.open_orders(now, besides=besides),
        orders_last_second=last_second,
        orders_last_minute=last_minute,
        orders_today=today,
        traded_today=traded_today,
        given_lately=book.given_lately(now - lately, besides=besides),
    )


def broker_says_open(hours: Known[Hours] | Unknown, now: datetime) -> Known[bool] | Unknown:
    if isinstance(hours, Unknown):
        return hours
    try:
        trades = trades_by(hours.value.stated, ZoneInfo(hours.value.zone), now)
    except (ValueError, ZoneInfoNotFoundError) as error:
        return Unknown(f"the broker's hours cannot be read: {error}")
    return Unknown("the broker's hours do not name this day") if trades is None else Known(trades, hours.as_of)


def clock_skew() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    return float((clock.now() - row[0]).total_seconds())


def mode_problem(account: Account) -> str:
    """Port, account and setting must agree, and it must be the account that this gateway trades."""
    config = settings.BROKER
    login = Login(config.paper_trading, config.port, account.code, None, broker_state.live_is_unlocked())
    if reason := refusal(login):
        return reason
    if TradingMode(account.mode) is not broker_state.configured_mode():
        return f"{account.code} is a {account.mode} account, the platform trades {broker_state.configured_mode()}."
    traded = broker_state.default_account()
    if traded is None:
        return "It is not clear which account is traded: set IBKR_ACCOUNT."
    return "" if traded.pk == account.pk else f"The platform trades {traded.code}, not {account.code}."


def restriction(instrument: Instrument, strategy: str, givers: Collection[str]) -> str:
    rows = Restriction.objects.filter(
        con_id__in=(0, instrument.con_id), person__in=("", *givers), strategy__in=("", strategy), lifted_at=None
    )
    return "; ".join(f"{_whom(row)}{row.reason} (by {row.set_by})" for row in rows)


def _whom(row: Restriction) -> str:
    return f"{row.what}, " if row.person or row.strategy else ""


def break_problem(instrument: Instrument) -> str:
    rows = TradingState.objects.filter(
        scope=Scope.INSTRUMENT, target=str(instrument.con_id), source=StopSource.RECONCILIATION
    )
    row = rows.exclude(permission=TradingPermission.ACTIVE).first()
    return row.reason if row else ""
