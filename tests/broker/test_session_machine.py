"""The session's state machine, without any connection."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import product

import pytest

from apps.broker.choices import OrderPurpose, SessionState
from apps.broker.domain.codes import TABLE, Meaning, Severity, farm_of, rule_for
from apps.broker.domain.orders import sendable
from apps.broker.domain.restart_window import Region, RestartCalendar, RestartWindow
from apps.broker.domain.session import (
    BrokerMessage,
    CompetitionEnded,
    Facts,
    GuardDecided,
    LinkDown,
    LinkName,
    LinkUp,
    SessionEvent,
    Stopped,
    SyncEnded,
    apply,
    decide,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, 50, tzinfo=UTC)
WINDOW = RestartWindow(time(23, 45), time(0, 15))
CALENDAR = RestartCalendar.of(Region.NONE, WINDOW)
TRADING, DATA = LinkName.TRADING, LinkName.DATA
LOGIN = [LinkUp(TRADING), LinkUp(DATA), SyncEnded()]


def message(code: int, text: str = "text", at: datetime = NOW) -> BrokerMessage:
    return BrokerMessage(code, text, at)


def state(*events: SessionEvent, now: datetime = NOW) -> SessionState:
    facts = Facts()
    for event in events:
        facts = apply(facts, event)
    return decide(facts, now=now, calendar=CALENDAR).state


def reason(*events: SessionEvent, now: datetime = NOW) -> str:
    facts = Facts()
    for event in events:
        facts = apply(facts, event)
    return decide(facts, now=now, calendar=CALENDAR).reason


def test_nothing_has_happened_yet() -> None:
    assert state() is SessionState.STARTING


def test_ready_needs_both_links_and_a_complete_picture() -> None:
    assert state(LinkUp(TRADING)) is SessionState.RECONCILING
    assert state(LinkUp(TRADING), LinkUp(DATA)) is SessionState.RECONCILING
    assert state(LinkUp(TRADING), SyncEnded()) is SessionState.DATA_DEGRADED
    assert state(*LOGIN) is SessionState.READY


def test_failed_synchronisation_keeps_reconciling_with_its_reason() -> None:
    events = [LinkUp(TRADING), LinkUp(DATA), SyncEnded("positions are missing")]
    assert state(*events) is SessionState.RECONCILING
    assert reason(*events) == "positions are missing"


def test_lost_link_is_disconnected_and_needs_a_new_picture() -> None:
    lost = LinkDown(TRADING, "peer closed", NOW)
    assert state(*LOGIN, lost) is SessionState.DISCONNECTED
    assert reason(*LOGIN, lost) == "peer closed"
    assert state(*LOGIN, lost, LinkUp(TRADING)) is SessionState.RECONCILING


def test_1100_is_broker_lost_although_the_link_is_up() -> None:
    assert state(*LOGIN, message(1100)) is SessionState.BROKER_LOST
    assert "1100" in reason(*LOGIN, message(1100))


@pytest.mark.parametrize("code", [1101, 1102])
def test_broker_back_needs_a_new_picture(code: int) -> None:
    assert state(*LOGIN, message(1100), message(code)) is SessionState.RECONCILING
    assert state(*LOGIN, message(1100), message(code), SyncEnded()) is SessionState.READY


def test_entries_leave_only_while_all_is_well() -> None:
    assert {state for state in SessionState if OrderPurpose.ENTRY in sendable(state)} == {SessionState.READY}
    protected = {SessionState.DATA_DEGRADED, SessionState.COMPETING_SESSION}
    assert {state for state in SessionState if sendable(state)} == protected | {SessionState.READY}
    for state in protected:
        assert sendable(state) == {OrderPurpose.PROTECTIVE, OrderPurpose.FLATTEN}


@pytest.mark.parametrize(("broken", "mended"), [(2103, 2104), (2105, 2106), (2157, 2158)])
def test_farm_is_mended_only_by_its_own_notice(broken: int, mended: int) -> None:
    lost = message(broken, "Market data farm connection is broken:usfarm")
    other = message(mended, "Market data farm connection is OK:eufarm")
    same = message(mended, "Market data farm connection is OK:usfarm")
    assert state(*LOGIN, lost) is SessionState.DATA_DEGRADED
    assert state(*LOGIN, lost, other) is SessionState.DATA_DEGRADED
    assert state(*LOGIN, lost, other, same) is SessionState.READY


def test_another_kind_of_farm_does_not_mend() -> None:
    lost = message(2105, "HMDS data farm connection is broken:ushmds")
    other = message(2104, "Market data farm connection is OK:ushmds")
    assert state(*LOGIN, lost, other) is SessionState.DATA_DEGRADED


def test_competing_session_ends_when_told() -> None:
    assert state(*LOGIN, message(10197)) is SessionState.COMPETING_SESSION
    assert state(*LOGIN, message(10197), CompetitionEnded()) is SessionState.READY
    assert state(*LOGIN, message(10197), SyncEnded("incomplete")) is SessionState.RECONCILING


def test_refusal_outranks_everything_but_the_end() -> None:
    assert state(*LOGIN, GuardDecided("live account")) is SessionState.REFUSED
    assert state(*LOGIN, GuardDecided("live account"), GuardDecided("")) is SessionState.READY
    assert state(*LOGIN, GuardDecided("live account"), Stopped("stopped")) is SessionState.DISCONNECTED


def test_loss_in_the_restart_window_is_planned() -> None:
    lost = LinkDown(TRADING, "peer closed", NIGHT)
    assert state(*LOGIN, lost, now=NIGHT) is SessionState.PLANNED_RESTART
    assert state(*LOGIN, message(1100, at=NIGHT), now=NIGHT) is SessionState.PLANNED_RESTART


def test_planned_restart_that_lasts_too_long_is_an_alarm() -> None:
    lost = LinkDown(TRADING, "peer closed", NIGHT)
    assert state(*LOGIN, lost, now=NIGHT + timedelta(minutes=31)) is SessionState.DISCONNECTED


def test_loss_before_the_window_stays_an_alarm_within_it() -> None:
    lost = LinkDown(TRADING, "peer closed", NOW)
    again = LinkDown(TRADING, "nothing listens", NIGHT)
    assert state(*LOGIN, lost, again, now=NIGHT) is SessionState.DISCONNECTED


def test_ready_is_never_reached_with_anything_wrong() -> None:
    """All combinations of facts: READY exactly when everything is in order."""
    for stopped, refused, trading, data, lost, synchronised, competing, broken in product([False, True], repeat=8):
        facts = Facts(
            stopped="x" if stopped else "",
            refusal="x" if refused else "",
            trading_up=trading,
            data_up=data,
            broker_lost="x" if lost else "",
            synchronised=synchronised,
            competing="x" if competing else "",
            broken_farms=frozenset({"x"} if broken else ()),
        )
        in_order = trading and data and synchronised and not (stopped or refused or lost or competing or broken)
        assert (decide(facts, now=NOW, calendar=CALENDAR).state is SessionState.READY) is in_order


@pytest.mark.parametrize(
    ("at", "inside"),
    [("23:39", False), ("23:40", True), ("23:59", True), ("00:10", True), ("00:19", True), ("00:20", False)],
)
def test_window_spans_midnight_with_a_margin(at: str, inside: bool) -> None:
    moment = datetime.combine(NOW.date(), time.fromisoformat(at), UTC)
    assert WINDOW.contains(moment) is inside


def test_end_of_the_windows_is_known_while_one_is_on() -> None:
    longer = RestartWindow(time(23, 50), time(1, 0))
    calendar = RestartCalendar((longer, WINDOW))
    on = calendar.around(NIGHT)
    assert on is not None and on[1] == datetime(2026, 3, 3, 1, 5, tzinfo=UTC)
    assert calendar.around(NOW) is None


def test_equal_times_mean_no_window() -> None:
    assert not RestartWindow(time(0, 0), time(0, 0)).contains(datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("region", "at", "inside"),
    [
        # New York, winter (UTC-5): 00:15 to 01:45.
        (Region.AMERICA, "2026-01-14 05:09", False),
        (Region.AMERICA, "2026-01-14 05:10", True),
        (Region.AMERICA, "2026-01-14 06:49", True),
        (Region.AMERICA, "2026-01-14 06:50", False),
        # New York, summer (UTC-4).
        (Region.AMERICA, "2026-07-14 04:20", True),
        (Region.AMERICA, "2026-07-14 06:20", False),
        # The night the clocks of New York go forward the window is half an hour longer by the clock, not in truth.
        (Region.AMERICA, "2026-03-08 05:20", True),
        (Region.AMERICA, "2026-03-08 06:49", True),
        # Friday 23:00 to Saturday 03:00 in New York is everybody's.
        (Region.EUROPE, "2026-07-18 02:54", False),
        (Region.EUROPE, "2026-07-18 02:56", True),
        (Region.ASIA, "2026-07-18 07:04", True),
        (Region.AMERICA, "2026-07-18 07:06", False),
        (Region.EUROPE, "2026-07-17 03:30", False),
        (Region.EUROPE, "2026-07-14 04:30", True),
        (Region.EUROPE, "2026-07-14 06:00", False),
        (Region.EUROPE, "2026-07-18 05:00", True),
        (Region.EUROPE, "2026-01-14 05:30", True),
        (Region.ASIA, "2026-07-13 20:45", True),
        (Region.ASIA, "2026-07-14 12:30", True),
        (Region.ASIA, "2026-07-14 14:00", False),
        (Region.NONE, "2026-07-18 03:30", False),
        (Region.NONE, "2026-07-18 00:00", True),
    ],
)
def test_each_region_has_its_own_server_resets(region: Region, at: str, inside: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert RestartCalendar.of(region, WINDOW).contains(moment) is inside


def test_every_code_of_the_table_has_one_rule() -> None:
    assert rule_for(1100).meaning is Meaning.BROKER_LOST
    assert rule_for(2148).severity is Severity.ERROR
    for code in (399, 10349, 2109):
        assert rule_for(code).meaning is Meaning.ORDER_NOTE
    assert all(rule_for(code) is rule for code, rule in TABLE.items())


def test_unlisted_codes_do_not_pass_silently() -> None:
    assert rule_for(98765).severity is Severity.WARN
    assert rule_for(2199).severity is Severity.INFO


def test_farm_names_are_read_from_both_spellings() -> None:
    assert farm_of(2104, "Market data farm connection is OK:usfarm.nj") == "market data usfarm.nj"
    assert farm_of(2105, "HMDS data farm connection is broken.ushmds") == "history ushmds"
