"""Resuming: a cause, a clean reconciliation, and a second person or a cool-off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command

from apps.broker import gate
from apps.broker.choices import EmergencyKind, EmergencyState, OrderPurpose, Scope, StopSource, TradingPermission
from apps.broker.models import EmergencyRun, TradingState
from apps.journal.models import Event
from apps.risk import emergency_selectors
from apps.risk.exceptions import EmergencyError
from apps.risk.services import emergency, emergency_flag, emergency_resume
from apps.risk.services.emergency_resume import Resumed
from apps.risk.services.emergency_rows import Press
from tradeops.lib import clock
from tradeops.lib.known import Known, Unknown

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def live(settings: Any, tmp_path: Path) -> None:
    """The strict rules, and a halt file of this test alone."""
    settings.BROKER = replace(settings.BROKER, halt_flag=tmp_path / "HALT", paper_trading=False)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger and broker were compared and agree."""
    monkeypatch.setattr(emergency_selectors, "reconciliation_is_clean", lambda: Known(True, clock.now()))


@pytest.fixture
def person() -> Callable[[str], User]:
    def make(name: str, *permissions: str) -> User:
        user = User.objects.create_user(name)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions or ("resume_trading",)))
        return user

    return make


def halted(**values: Any) -> None:
    """Verified at the broker."""
    asked = emergency.halt(**({"scope": Scope.EVERYTHING, "reason": "smoke", "actor": "ann"} | values))
    EmergencyRun.objects.filter(pk=asked.run_id).update(state=EmergencyState.DONE)


def resume(user: User | None, **values: Any) -> Resumed:
    return emergency_resume.resume(**({"scope": Scope.EVERYTHING, "reason": "fire is out", "user": user} | values))


def is_stopped() -> bool:
    return not gate.look().admits(OrderPurpose.ENTRY)


@pytest.mark.mission(152)
def test_a_second_person_confirms_and_the_receipt_names_both(clean: None, person: Callable[..., User]) -> None:
    ann, bob = person("ann"), person("bob")
    halted()
    first = resume(ann)
    assert "bob" in first.waits_for and is_stopped() and first.run.state == EmergencyState.REQUESTED
    assert "bob" in resume(ann).waits_for and EmergencyRun.objects.filter(kind=EmergencyKind.RESUME).count() == 1
    done = resume(bob, reason="looked at it")
    assert (done.waits_for, done.still_blocks) == ("", ()) and not is_stopped()
    run = EmergencyRun.objects.get(pk=first.run.pk)
    assert (run.state, run.actor, run.found["confirmed_by"]) == (EmergencyState.DONE, "ann", "bob")
    assert run.picture is not None and run.picture["still_blocks"] == []
    assert emergency_flag.read() is None
    assert [event.actor for event in Event.objects.filter(step="Resume").order_by("number")] == ["ann", "bob"]


@pytest.mark.mission(152)
def test_alone_one_cools_off_and_presses_again(clean: None, person: Callable[..., User], settings: Any) -> None:
    ann = person("ann")
    halted()
    now = clock.now()
    assert "cooling off" in resume(ann, now=now).waits_for
    minutes = settings.RISK_COOL_OFF_MINUTES
    assert "cooling off" in resume(ann, now=now + timedelta(minutes=minutes, seconds=-1)).waits_for
    assert is_stopped()
    assert resume(ann, now=now + timedelta(minutes=minutes)).waits_for == "" and not is_stopped()


def test_a_press_from_before_the_stop_was_renewed_does_not_count(clean: None, person: Callable[..., User]) -> None:
    ann, bob = person("ann"), person("bob")
    halted()
    old = resume(ann).run
    halted(permission=TradingPermission.KILLED)
    assert "ann" in resume(bob).waits_for and is_stopped()
    old.refresh_from_db()
    assert old.state == EmergencyState.FAILED and "stopped again" in old.problem
    late = clock.now() + timedelta(hours=25)
    assert "bob" in resume(ann, now=late).waits_for and is_stopped()


def test_without_a_reconciliation_only_force_and_a_second_person_resume(person: Callable[..., User]) -> None:
    ann = person("ann")
    halted()
    assert isinstance(emergency_selectors.reconciliation_is_clean(), Unknown)
    with pytest.raises(EmergencyError, match="not known to agree"):
        resume(ann)
    assert "nobody else may resume" in resume(ann, force=True).waits_for
    assert resume(ann, force=True, now=clock.now() + timedelta(hours=1)).waits_for and is_stopped()
    assert resume(person("bob"), force=True).waits_for == "" and not is_stopped()


def test_a_break_is_named_and_keeps_trading_stopped(person: Callable[..., User]) -> None:
    halted()
    halted(scope=Scope.INSTRUMENT, target="1", source=StopSource.RECONCILIATION, reason="10 shares too many")
    with pytest.raises(EmergencyError, match="10 shares too many"):
        resume(person("ann"))
    assert emergency_selectors.reconciliation_is_clean().value is False  # type: ignore[union-attr]


@pytest.mark.mission(152)
def test_on_paper_one_person_is_enough_unless_the_setting_says_otherwise(
    clean: None, person: Callable[..., User], settings: Any
) -> None:
    settings.BROKER = replace(settings.BROKER, paper_trading=True)
    ann, _bob = person("ann"), person("bob")
    halted(reason="false trigger")
    done = resume(ann, reason="false trigger: the feed had a bad price")
    assert done.waits_for == "" and not is_stopped()
    settings.RISK_ONE_PERSON_RESUMES_PAPER = False
    halted()
    assert "bob" in resume(ann).waits_for and is_stopped()


@pytest.mark.mission(152)
def test_what_else_blocks_is_told_with_its_cause(clean: None, person: Callable[..., User], settings: Any) -> None:
    settings.BROKER = replace(settings.BROKER, paper_trading=True)
    halted()
    halted(source=StopSource.LIMIT, reason="daily loss 3.2 %", actor="monitor")
    done = resume(person("ann"))
    assert len(done.still_blocks) == 1 and "daily loss 3.2 %" in done.still_blocks[0] and is_stopped()
    again = resume(User.objects.get(), source=StopSource.LIMIT, reason="false trigger: the feed had a bad price")
    assert again.still_blocks == () and not is_stopped()


def test_loosening_leaves_the_milder_stop_in_table_and_file(
    clean: None, person: Callable[..., User], settings: Any
) -> None:
    settings.BROKER = replace(settings.BROKER, paper_trading=True)
    ann = person("ann")
    halted(permission=TradingPermission.KILLED)
    resume(ann, to=TradingPermission.HALTED)
    assert gate.look().permission is TradingPermission.HALTED
    held = emergency_flag.read()
    assert held is not None and held.permission is TradingPermission.HALTED
    with pytest.raises(EmergencyError, match="already"):
        resume(ann, to=TradingPermission.KILLED)


def test_who_may_not_resume_is_told_why(clean: None, person: Callable[..., User]) -> None:
    halted()
    for user, words, values in [
        (None, "say who", {}),
        (person("vera", "view_order"), "lacks the permission", {}),
        (person("ann"), "cause", {"reason": " "}),
        (User.objects.get(username="ann"), "has not stopped", {"scope": Scope.ACCOUNT, "target": "DU1"}),
    ]:
        with pytest.raises(EmergencyError, match=words):
            resume(user, **values)
    User.objects.filter(username="ann").update(is_active=False)
    with pytest.raises(EmergencyError, match="lacks the permission"):
        resume(User.objects.get(username="ann"))
    assert is_stopped()


def test_while_a_stop_is_being_carried_out_nothing_is_resumed(clean: None, person: Callable[..., User]) -> None:
    emergency.halt(scope=Scope.EVERYTHING, reason="smoke", actor="ann")
    with pytest.raises(EmergencyError, match="still under way"):
        resume(person("bob"))


def test_a_file_without_its_row_is_resumed_too(clean: None, person: Callable[..., User], settings: Any) -> None:
    settings.BROKER = replace(settings.BROKER, paper_trading=True)
    emergency_flag.write(emergency_flag.Flag(Scope.EVERYTHING, "", TradingPermission.HALTED, "smoke", "ann"))
    assert resume(person("ann")).still_blocks == () and emergency_flag.read() is None
    assert not TradingState.objects.exclude(permission=TradingPermission.ACTIVE).exists()


def test_the_command_waits_with_two_and_resumes_with_zero(clean: None, person: Callable[..., User]) -> None:
    person("ann"), person("bob")
    halted()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("resume", "--reason", "fire is out", "--user", "ann", "--yes", stdout=out)
    assert ended.value.code == 2 and "bob" in out.getvalue() and is_stopped()
    call_command("resume", "--reason", "agreed", "--user", "bob", "--yes", stdout=out)
    assert "Resumed: fire is out" in out.getvalue() and not is_stopped()


def test_a_resume_leaves_the_file_of_a_halt_that_came_meanwhile(
    clean: None, person: Callable[..., User], settings: Any
) -> None:
    """The file goes last: between the release and that somebody else may press."""
    settings.RISK_ONE_PERSON_RESUMES_PAPER, settings.BROKER = True, replace(settings.BROKER, paper_trading=True)
    halted()
    done = resume(person("ann"))
    assert emergency_flag.read() is None
    halted(reason="again", actor="bob")
    emergency_resume._show_what_remains(done.run, StopSource.MANUAL, TradingPermission.ACTIVE)
    held = emergency_flag.read()
    assert held is not None and (held.reason, held.actor) == ("again", "bob")


def test_a_halt_writes_its_file_again_that_a_resume_took_away(person: Callable[..., User]) -> None:
    """Between the file and the rows of a press an older stop may have been resumed."""
    halted()
    press, run_id = (
        Press(EmergencyKind.HALT, Scope.EVERYTHING, "", TradingPermission.HALTED, "b", "bob", "api"),
        uuid4(),
    )
    assert emergency_flag.remove(Scope.EVERYTHING, "")
    assert emergency._keep_file(press, run_id) == []
    held = emergency_flag.read()
    assert held is not None and (held.actor, held.permission) == ("bob", TradingPermission.HALTED)
    TradingState.objects.update(permission=TradingPermission.ACTIVE)
    emergency_flag.remove(Scope.EVERYTHING, "")
    assert emergency._keep_file(press, run_id) == [] and emergency_flag.read() is None
