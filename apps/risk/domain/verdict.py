"""May this order be sent? Every check is asked, and every objection is told.

A closing order is spared the checks that guard against holding too much, so that nothing keeps a position from being
closed; in turn it must really reduce what is held. What cannot be checked is not allowed, apart from an entry's share
of the usual volume, which not every instrument has: then the verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from apps.broker.domain.orders import ENTERING, admits
from apps.risk.choices import DenialCode as Code
from apps.risk.domain import exposure, flow, prices
from apps.risk.domain.facts import Facts, Intent, Reason, Verdict
from apps.risk.domain.limits import Limits
from tradeops.lib.known import Known, Unknown

MAX_CLOCK_SKEW = 2.0
# Three rounds of the watch, with time for the broker to answer: after that a breach would stop nothing.
WATCHED_SECONDS = 180.0
Check = Callable[[Intent, Facts, Limits], Iterator[Reason]]


def judge(intent: Intent, facts: Facts, limits: Limits) -> Verdict:
    checks = CLOSING_CHECKS if intent.is_closing else ENTRY_CHECKS
    reasons = tuple(reason for check in checks for reason in check(intent, facts, limits))
    unchecked = prices.unchecked if intent.is_closing else exposure.unchecked
    return Verdict(reasons, unchecked(intent, facts, limits))


def trading_state(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    if not admits(facts.permission, intent.purpose):
        why = "; ".join(facts.stop_reasons)
        yield Reason(
            Code.TRADING_STOPPED, f"Trading is {facts.permission.value}: {why}.", {"stops": facts.stop_reasons}
        )


def session(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    if facts.session_problem:
        yield Reason(Code.SESSION_NOT_READY, f"The broker session is not ready: {facts.session_problem.rstrip('.')}.")
    if facts.mode_problem:
        yield Reason(Code.MODE_MISMATCH, facts.mode_problem)
    if facts.restart_is_near and intent.purpose in ENTERING:
        yield Reason(Code.RESTART_WINDOW, "A restart of the broker is planned about now: nothing is entered meanwhile.")


def clocks(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Ages are worth nothing where the clocks disagree."""
    if abs(facts.clock_skew) > MAX_CLOCK_SKEW:
        yield Reason(
            Code.CLOCK_SKEW,
            f"The clocks of this machine and the database differ by {abs(facts.clock_skew):.1f} s: synchronise them.",
            {"seconds": facts.clock_skew},
        )
    offset = facts.broker_clock_offset
    if offset is not None and abs(offset) > MAX_CLOCK_SKEW:
        which = "ahead of" if offset > 0 else "behind"
        yield Reason(
            Code.CLOCK_SKEW,
            f"The broker's clock is {abs(offset):.1f} s {which} that of the gateway's machine: synchronise this one.",
            {"broker_seconds": offset},
        )


def losses_watched(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Loss and drawdown limits are kept by the account's watch: an order itself is not held to them."""
    seconds = None if facts.watched_at is None else (facts.now - facts.watched_at).total_seconds()
    if seconds is not None and -MAX_CLOCK_SKEW <= seconds <= WATCHED_SECONDS:
        return
    since = "so far" if seconds is None else f"for {seconds:.0f} s" if seconds > 0 else "at a time that has come"
    yield Reason(
        Code.LOSSES_NOT_WATCHED,
        f"Nobody has watched the account's losses {since}: start the sentinel, or see its log and the incidents.",
        {"seconds": seconds},
    )


def instrument(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    if facts.restriction:
        yield Reason(Code.INSTRUMENT_RESTRICTED, f"{intent.symbol} may not be traded: {facts.restriction}.")
    if facts.break_problem:
        yield Reason(Code.INSTRUMENT_LOCKED, f"{intent.symbol} is locked: {facts.break_problem}.")


def market_hours(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """By the calendar, and by the broker where it knows of a closure that the calendar does not."""
    if isinstance(facts.market_is_open, Unknown):
        yield unknown("the market's hours", facts.market_is_open)
    elif intent.outside_regular_hours:
        return
    elif not facts.market_is_open.value:
        yield Reason(Code.MARKET_CLOSED, f"The market of {intent.symbol} is closed now.")
    elif isinstance(facts.broker_says_open, Known) and not facts.broker_says_open.value:
        yield Reason(
            Code.MARKET_CLOSED,
            f"The broker says that the market of {intent.symbol} is closed now, though it is open by its calendar.",
            {"by": "broker"},
        )


def exchange_halt(intent: Intent, facts: Facts, limits: Limits) -> Iterator[Reason]:
    """Where it opens again nobody can say, so what the order would come to neither."""
    if isinstance(facts.quote, Known) and facts.quote.value.is_halted:
        yield Reason(Code.EXCHANGE_HALTED, f"The exchange has halted trading in {intent.symbol}.")


def unknown(what: str, value: Unknown) -> Reason:
    return Reason(Code.DATA_UNKNOWN, f"Nobody knows {what}: {value.reason}.", {"what": what})


ENTRY_CHECKS: tuple[Check, ...] = (
    trading_state,
    session,
    clocks,
    losses_watched,
    instrument,
    market_hours,
    exchange_halt,
    prices.quote,
    prices.collar,
    prices.tick,
    exposure.equity,
    exposure.order_size,
    exposure.position_share,
    exposure.funds,
    exposure.position_count,
    exposure.gross_and_net,
    flow.open_orders,
    flow.rate,
    flow.order_to_trade,
    flow.duplicate,
    flow.self_cross,
)
CLOSING_CHECKS: tuple[Check, ...] = (
    trading_state,
    session,
    prices.collar_of_closing,
    prices.tick,
    exposure.reduces,
    flow.rate_of_closing,
    flow.duplicate_of_closing,
    flow.self_cross_of_closing,
)
