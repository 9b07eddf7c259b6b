"""The session's state machine: events change the facts, the facts decide the state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from apps.broker.choices import SessionState
from apps.broker.domain.codes import Meaning, farm_of, rule_for
from apps.broker.domain.restart_window import RestartCalendar


class LinkName(StrEnum):
    TRADING = "trading"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class LinkUp:
    link: LinkName


@dataclass(frozen=True, slots=True)
class LinkDown:
    link: LinkName
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BrokerMessage:
    code: int
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GuardDecided:
    """`refusal` empty: setting, port, accounts and unlock agree."""

    refusal: str


@dataclass(frozen=True, slots=True)
class SyncEnded:
    """`problem` empty: the broker's picture was complete and is stored."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class CompetitionEnded:
    pass


@dataclass(frozen=True, slots=True)
class FeedJudged:
    """`silence` empty: prices move."""

    silence: str


@dataclass(frozen=True, slots=True)
class Stopped:
    reason: str


SessionEvent = LinkUp | LinkDown | BrokerMessage | GuardDecided | SyncEnded | CompetitionEnded | FeedJudged | Stopped


@dataclass(frozen=True, slots=True)
class Facts:
    """Texts are reasons; an empty one means that there is nothing of the kind."""

    stopped: str = ""
    refusal: str = ""
    trading_up: bool = False
    data_up: bool = False
    trading_down_reason: str = ""
    data_down_reason: str = ""
    lost_at: datetime | None = None
    broker_lost: str = ""
    synchronised: bool = False
    sync_problem: str = ""
    competing: str = ""
    broken_farms: frozenset[str] = frozenset()
    silent_feed: str = ""

    @property
    def broker_reachable(self) -> bool:
        return self.trading_up and not self.broker_lost


@dataclass(frozen=True, slots=True)
class Verdict:
    state: SessionState
    reason: str = ""


def apply(facts: Facts, event: SessionEvent) -> Facts:
    match event:
        case LinkUp(link):
            return _link_up(facts, link)
        case LinkDown(link, reason, at):
            return _link_down(facts, link, reason, at)
        case BrokerMessage(code, text, at):
            return _message(facts, code, text, at)
        case GuardDecided(refusal):
            return replace(facts, refusal=refusal)
        case SyncEnded(problem):
            return replace(facts, synchronised=not problem, sync_problem=problem)
        case CompetitionEnded():
            return replace(facts, competing="")
        case FeedJudged(silence):
            return replace(facts, silent_feed=silence)
        case Stopped(reason):
            return replace(facts, stopped=reason, trading_up=False, data_up=False, synchronised=False)


def decide(facts: Facts, *, now: datetime, calendar: RestartCalendar) -> Verdict:
    """The gravest applicable state."""
    if facts.stopped:
        return Verdict(SessionState.DISCONNECTED, facts.stopped)
    if facts.refusal:
        return Verdict(SessionState.REFUSED, facts.refusal)
    if not facts.broker_reachable:
        return _unreachable(facts, now, calendar)
    if not facts.synchronised:
        return Verdict(SessionState.RECONCILING, facts.sync_problem)
    if facts.competing:
        return Verdict(SessionState.COMPETING_SESSION, facts.competing)
    if not facts.data_up:
        return Verdict(SessionState.DATA_DEGRADED, facts.data_down_reason or "The data link is not connected yet.")
    if facts.broken_farms:
        farms = ", ".join(sorted(facts.broken_farms))
        return Verdict(SessionState.DATA_DEGRADED, f"IB reports broken data farms: {farms}.")
    if facts.silent_feed:
        return Verdict(SessionState.DATA_DEGRADED, facts.silent_feed)
    return Verdict(SessionState.READY)


def _unreachable(facts: Facts, now: datetime, calendar: RestartCalendar) -> Verdict:
    reason = facts.broker_lost if facts.trading_up else facts.trading_down_reason
    if not reason:
        return Verdict(SessionState.STARTING)
    if calendar.contains(now) and (facts.lost_at is None or calendar.contains(facts.lost_at)):
        return Verdict(SessionState.PLANNED_RESTART, f"Inside the nightly restart window: {reason}")
    return Verdict(SessionState.BROKER_LOST if facts.trading_up else SessionState.DISCONNECTED, reason)


def _link_up(facts: Facts, link: LinkName) -> Facts:
    """Each login hears anew what is broken."""
    if link is LinkName.DATA:
        return replace(facts, data_up=True, data_down_reason="", broken_farms=frozenset())
    return replace(
        facts,
        trading_up=True,
        trading_down_reason="",
        lost_at=None,
        broker_lost="",
        synchronised=False,
        sync_problem="",
        broken_farms=frozenset(),
    )


def _link_down(facts: Facts, link: LinkName, reason: str, at: datetime) -> Facts:
    if link is LinkName.DATA:
        return replace(facts, data_up=False, data_down_reason=f"Data link: {reason}")
    return replace(
        facts,
        trading_up=False,
        trading_down_reason=reason,
        lost_at=facts.lost_at or at,
        broker_lost="",
        synchronised=False,
        sync_problem="",
        competing="",
    )


def _message(facts: Facts, code: int, text: str, at: datetime) -> Facts:
    match rule_for(code).meaning:
        case Meaning.BROKER_LOST:
            return replace(
                facts,
                broker_lost=f"{text} (IBKR {code})",
                lost_at=facts.lost_at or at,
                synchronised=False,
                sync_problem="",
            )
        case Meaning.BROKER_BACK | Meaning.BROKER_BACK_DATA_LOST:
            return replace(facts, broker_lost="", lost_at=None, synchronised=False, sync_problem="")
        case Meaning.FARM_BROKEN:
            return replace(facts, broken_farms=facts.broken_farms | {farm_of(code, text)})
        case Meaning.FARM_OK:
            return replace(facts, broken_farms=facts.broken_farms - {farm_of(code, text)})
        case Meaning.COMPETING_SESSION:
            return replace(
                facts, competing=f"{text} (IBKR {code}) Log the other session of this user out, or wait until it ends."
            )
        case _:
            return facts
