"""What is known about the broker, and how far it can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet

from apps.broker.choices import FOLLOWING, OrderPurpose, SessionState, TradingMode
from apps.broker.domain.mode import chosen_account
from apps.broker.domain.orders import sendable
from apps.broker.models import Account, BrokerOrder, EquityPoint, Execution, GatewaySession, LiveUnlock, Position
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

STALE_SECONDS = 10
# The gateway asks for the broker's time with each beat of its link.
CLOCK_KNOWN_SECONDS = 60
GATEWAY_NOT_RUNNING = "gateway not running: start it with `manage.py gateway` or `manage.py up`"
COMING_BACK = frozenset({SessionState.STARTING, SessionState.RECONCILING})
EXCHANGE_ZONE = ZoneInfo("America/New_York")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionView:
    """The session as of now. `running` False: no heartbeat for 10 s; then `state` is DISCONNECTED whatever was last.

    `settled_at`: the last moment of a session that held, or of a planned restart; None before the gateway has said so.
    `logged_in_at`: the trading link's latest login. `weekly_login_kept_at`: when a weekly login was proved last.
    `clock_offset`: seconds by which the broker's clock is certainly ahead of the gateway's; None: not known now.
    """

    state: SessionState
    reason: str
    state_since: datetime
    heartbeat_at: datetime | None
    running: bool
    mode: TradingMode
    epoch: int
    host: str
    port: int
    trading_link_up: bool
    data_link_up: bool
    synchronised_at: datetime | None
    settled_at: datetime | None = None
    clock_offset: float | None = None
    clock_as_of: datetime | None = None
    logged_in_at: datetime | None = None
    weekly_login_kept_at: datetime | None = None

    @property
    def is_stale(self) -> bool:
        return not self.running

    def admits(self, purpose: OrderPurpose) -> bool:
        """May such an order be sent now?"""
        return purpose in sendable(self.state)

    @property
    def is_following(self) -> bool:
        """Do the tables show what the broker shows now?"""
        return self.state in FOLLOWING

    @property
    def is_connected(self) -> bool:
        """Is there a trading link with IB itself behind it? False while TWS runs but has lost IB (1100)."""
        return self.trading_link_up and self.state is not SessionState.BROKER_LOST


def session(*, now: datetime | None = None) -> SessionView:
    now = now or clock.now()
    row = GatewaySession.objects.filter(id=GatewaySession.ONLY).first()
    if row is None:
        row = GatewaySession(host=settings.BROKER.host, port=settings.BROKER.port, mode=configured_mode())
    age = clock.age_seconds(row.heartbeat_at, now=now)
    running = age is not None and age <= STALE_SECONDS
    return SessionView(
        state=SessionState(row.state) if running else SessionState.DISCONNECTED,
        reason=row.reason if running else _why_not_running(row),
        state_since=row.state_since if running else row.heartbeat_at or row.state_since,
        heartbeat_at=row.heartbeat_at,
        running=running,
        mode=TradingMode(row.mode),
        epoch=row.epoch,
        host=row.host,
        port=row.port,
        trading_link_up=running and row.trading_link_up,
        data_link_up=running and row.data_link_up,
        synchronised_at=row.synchronised_at,
        settled_at=row.settled_at,
        clock_offset=row.clock_offset if running and _is_recent(row.clock_as_of, now) else None,
        clock_as_of=row.clock_as_of,
        logged_in_at=row.logged_in_at,
        weekly_login_kept_at=row.weekly_login_kept_at,
    )


def _is_recent(clock_as_of: datetime | None, now: datetime) -> bool:
    age = clock.age_seconds(clock_as_of, now=now)
    return age is not None and age <= CLOCK_KNOWN_SECONDS


def configured_mode() -> TradingMode:
    return TradingMode.PAPER if settings.BROKER.paper_trading else TradingMode.LIVE


def active_unlock() -> LiveUnlock | None:
    """The one that holds: confirmed, and not revoked."""
    rows = LiveUnlock.objects.filter(is_active=True, confirmed_at__isnull=False)
    return rows.select_related("unlocked_by", "confirmed_by").first()


def live_is_unlocked() -> bool:
    return active_unlock() is not None


def default_account() -> Account | None:
    """The account that is traded: IBKR_ACCOUNT, or the only one; None before the first login or if unclear."""
    codes = list(Account.objects.values_list("code", flat=True))
    code = chosen_account(settings.BROKER.account, codes)
    return Account.objects.filter(code=code).first() if code else None


def positions(account: str = "") -> Known[list[Position]] | Unknown:
    """What is held, closed positions left out; of all accounts unless one is named.

    Unknown before the first synchronisation. `as_of` says until when the tables followed the broker.
    """
    rows = Position.objects.exclude(quantity=0).select_related("account", "instrument")
    return _believed(list(rows.filter(account__code=account) if account else rows))


def count_positions() -> Known[int] | Unknown:
    """Of all accounts; as `positions`."""
    return _believed(Position.objects.exclude(quantity=0).count())


def count_open_orders() -> Known[int] | Unknown:
    """Of all accounts; as `open_orders`."""
    return _believed(BrokerOrder.objects.filter(is_open=True).count())


def open_orders(account: str = "") -> Known[list[BrokerOrder]] | Unknown:
    """Orders that work at the broker, of every client; as `positions`."""
    rows = BrokerOrder.objects.filter(is_open=True).select_related("account", "instrument")
    return _believed(list(rows.filter(account__code=account) if account else rows))


def executions(account: str = "", *, since: datetime | None = None) -> QuerySet[Execution]:
    """Fills as they count: corrected ones only in their last revision."""
    rows = Execution.objects.filter(is_current=True).select_related("account", "instrument", "commission")
    if account:
        rows = rows.filter(account__code=account)
    return rows.filter(executed_at__gte=since) if since else rows


def account_value(account: str, tag: str, currency: str = "") -> Known[Decimal] | Unknown:
    """A number of the account, as NetLiquidation; in the account's base currency unless another is named."""
    row = Account.objects.filter(code=account).first()
    if row is None:
        return Unknown(f"nothing is known of account {account} yet")
    currencies = [currency] if currency else [row.base_currency, ""]
    found = {value.currency: value for value in row.values.filter(tag=tag, currency__in=currencies)}
    value = next((found[name] for name in currencies if name in found), None)
    if value is None:
        return Unknown(f"the broker has not stated {tag} of account {account}")
    try:
        return Known(Decimal(value.value), value.as_of)
    except ArithmeticError:
        return Unknown(f"{tag} of account {account} is not a number: {value.value}")


def trading_day_start(now: datetime) -> datetime:
    """Midnight in New York, at which the trading day began."""
    return datetime.combine(now.astimezone(EXCHANGE_ZONE).date(), time(), EXCHANGE_ZONE)


def equity_today(account: str, *, now: datetime | None = None) -> QuerySet[EquityPoint]:
    """Samples since midnight in New York, the oldest first."""
    midnight = trading_day_start(now or clock.now())
    return EquityPoint.objects.filter(account__code=account, at__gte=midnight, at__lt=midnight + timedelta(days=2))


def _believed(value: T) -> Known[T] | Unknown:
    view = session()
    if view.synchronised_at is None:
        return Unknown("service not ready: the gateway has not completed its first synchronisation with the broker")
    followed_until = view.heartbeat_at if view.is_following else view.synchronised_at
    return Known(value, followed_until or view.synchronised_at)


def planned_restart() -> str:
    """Why nothing can be asked of the broker for a few minutes; "" when it can, or when the outage is not planned."""
    view, now = session(), clock.now()
    coming_back = view.state in COMING_BACK and settings.BROKER.restarts.contains(now)
    if view.state is not SessionState.PLANNED_RESTART and not coming_back:
        return ""
    return f"the broker's planned restart, since {view.state_since:%H:%M} UTC"


def planned_outage(at: datetime) -> tuple[datetime, datetime] | None:
    """From when to when the broker's planned restart lasts that contains this moment; None where none does."""
    return settings.BROKER.restarts.around(at)


def weekly_login_collision(*, now: datetime) -> str:
    """The first weekly login of the coming year that a planned restart would disturb; "" where none does."""
    plan = settings.BROKER.weekly_login
    found = plan.collision(settings.BROKER.restarts, now) if plan else None
    if plan is None or found is None:
        return ""
    appointment, (begins, ends) = found
    return (
        f"The weekly login of {plan.name_of(appointment)} falls into the broker's planned restart from "
        f"{begins:%a %H:%M} to {ends:%a %H:%M} UTC."
    )


def _why_not_running(row: GatewaySession) -> str:
    if row.heartbeat_at is None or row.reason == "stopped":
        return GATEWAY_NOT_RUNNING
    return f"{GATEWAY_NOT_RUNNING} (last heartbeat {row.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC)"
