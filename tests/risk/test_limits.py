"""Limits: tightening at once, loosening by two or after a cool-off, exceptions that end, the tightest wins."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from apps.broker.choices import Scope
from apps.journal.models import Event
from apps.risk import selectors
from apps.risk import services as risk
from apps.risk.choices import LimitName as L
from apps.risk.choices import RevisionState
from apps.risk.domain.limits import CATALOGUE, Tighter, tightest
from apps.risk.exceptions import LimitError
from apps.risk.models import LimitRevision
from tests.risk.world import person
from tradeops.lib import clock
from tradeops.lib.people import others_with

CHANGE, APPROVE = "risk.change_limits", "risk.approve_limits"
D = Decimal
DAY = timedelta(days=1)
database = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> User:
    return person("anna", CHANGE, APPROVE)


@pytest.fixture
def ben(db: None) -> User:
    return person("ben", CHANGE, APPROVE)


def change(value: str, user: User | None, name: L = L.MAX_POSITION_SHARE, **changes: Any) -> LimitRevision:
    return risk.change_limit(name=name, value=D(value), user=user, **({"reason": "because"} | changes))


def effective(name: L = L.MAX_POSITION_SHARE, **scopes: Any) -> Decimal | None:
    return selectors.effective_limits(**scopes)[name].value


def test_tightening_holds_at_once_for_anybody(anna: User) -> None:
    assert change("0.1", anna).state == RevisionState.ACTIVE and effective() == D("0.1")
    assert change("0.05", None, actor="breaker").state == RevisionState.ACTIVE and effective() == D("0.05")
    assert Event.objects.filter(step="Limit").count() == 2


def test_higher_is_tighter_for_margins_and_times(anna: User, ben: User) -> None:
    assert change("1.5", anna, L.FUNDS_MARGIN).state == RevisionState.ACTIVE
    assert change("1.4", anna, L.FUNDS_MARGIN).state == RevisionState.PENDING


def test_loosening_waits_for_a_second_person(anna: User, ben: User) -> None:
    pending = change("0.5", anna)
    assert pending.state == RevisionState.PENDING and pending.effective_at is None and effective() == D("0.25")
    with pytest.raises(LimitError, match="Somebody else"):
        risk.approve_limit(revision_id=pending.pk, user=anna)
    with pytest.raises(LimitError, match="lacks the permission"):
        risk.approve_limit(revision_id=pending.pk, user=person("carl", CHANGE))
    approved = risk.approve_limit(revision_id=pending.pk, user=ben)
    assert approved.decided_by == ben and effective() == D("0.5")
    with pytest.raises(LimitError, match="does not wait any more"):
        risk.approve_limit(revision_id=pending.pk, user=ben)


def test_loosening_by_the_only_person_cools_off(anna: User, settings: Settings) -> None:
    settings.RISK_COOL_OFF_HOURS = 6
    pending = change("0.5", anna)
    left = pending.effective_at - clock.now()
    assert timedelta(hours=5.9) < left <= timedelta(hours=6)
    assert risk.advance_limits(now=pending.effective_at - timedelta(seconds=1)) == 0 and effective() == D("0.25")
    assert risk.advance_limits(now=pending.effective_at) == 1 and effective() == D("0.5")
    assert LimitRevision.objects.get().decided_by is None


def test_inactive_people_are_no_second_person(anna: User, ben: User) -> None:
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert change("0.5", anna).effective_at is not None


def test_exception_ends_by_the_clock_whoever_tidies_up(anna: User, ben: User) -> None:
    end = clock.now() + DAY
    risk.approve_limit(revision_id=change("0.5", anna, expires_at=end).pk, user=ben)
    assert effective() == D("0.5")
    assert effective(now=end) == D("0.25") and effective(now=end - timedelta(seconds=1)) == D("0.5")
    assert risk.advance_limits(now=end) == 1 and LimitRevision.objects.get().state == RevisionState.EXPIRED
    assert effective() == D("0.25")


def test_what_held_before_an_exception_holds_again(anna: User, ben: User) -> None:
    change("0.1", anna)
    first, second = clock.now() + DAY, clock.now() + 2 * DAY
    risk.approve_limit(revision_id=change("0.2", anna, expires_at=second).pk, user=ben)
    change("0.15", anna, expires_at=first)
    assert effective(now=first) == D("0.2") and effective(now=second) == D("0.1")
    risk.advance_limits(now=second)
    assert effective() == D("0.1")


def test_exception_cannot_be_made_to_stay_by_stating_it_again(anna: User, ben: User) -> None:
    end = clock.now() + DAY
    risk.approve_limit(revision_id=change("0.5", anna, expires_at=end).pk, user=ben)
    assert change("0.5", anna).state == RevisionState.PENDING
    assert change("0.4", anna).state == RevisionState.PENDING
    assert change("0.4", anna, expires_at=end).state == RevisionState.ACTIVE


def test_account_may_not_be_looser_than_the_default_of_everything(anna: User) -> None:
    change("0.9", anna, scope=Scope.ACCOUNT, target="DU1")
    assert effective(account="DU1") == D("0.25")
    change("0.1", anna, scope=Scope.ACCOUNT, target="DU1")
    found = selectors.effective_limits(account="DU1")[L.MAX_POSITION_SHARE]
    assert found.value == D("0.1") and found.source == "Account DU1"
    assert effective(account="DU2") == D("0.25")


def test_tightening_ends_a_pending_loosening(anna: User, ben: User) -> None:
    pending = change("0.5", anna)
    change("0.2", ben)
    with pytest.raises(LimitError, match="it is replaced"):
        risk.approve_limit(revision_id=pending.pk, user=ben)
    assert effective() == D("0.2")


def test_refused_loosening_is_over(anna: User, ben: User) -> None:
    pending = change("0.5", anna)
    with pytest.raises(LimitError, match="lacks the permission"):
        risk.refuse_limit(revision_id=pending.pk, user=person("carl", CHANGE), reason="no")
    assert risk.refuse_limit(revision_id=pending.pk, user=ben, reason="too much").state == RevisionState.REFUSED
    assert effective() == D("0.25")


@pytest.mark.parametrize("name", [L.MAX_DAILY_LOSS, L.MAX_DRAWDOWN_LIMIT, L.TOTAL_CAPITAL])
@pytest.mark.parametrize("value", ["0.01", "0.2"])
@pytest.mark.mission(171)
@database
def test_capital_and_loss_limits_are_changed_by_persons_only(name: L, value: str) -> None:
    with pytest.raises(LimitError, match="changed by persons only"):
        change(value, None, name, actor="adviser")
    assert not LimitRevision.objects.exists()


def test_program_loosens_nothing(anna: User) -> None:
    with pytest.raises(LimitError, match="only a person may loosen"):
        change("0.9", None, actor="adviser")


def test_change_that_makes_no_sense_is_refused(anna: User) -> None:
    with pytest.raises(LimitError, match="Say why"):
        change("0.1", anna, reason=" ")
    for value in ("NaN", "Infinity", "-0.1", "10.01"):
        with pytest.raises(LimitError, match="must be a number from 0 to 10"):
            change(value, anna)
    with pytest.raises(LimitError, match="Name the account"):
        change("0.1", anna, scope=Scope.ACCOUNT)
    with pytest.raises(LimitError, match="must lie ahead"):
        change("0.1", anna, expires_at=clock.now() - DAY)
    with pytest.raises(LimitError, match="lacks the permission risk.change_limits"):
        change("0.1", person("carl"))
    assert not LimitRevision.objects.exists()


def test_database_keeps_what_a_limit_was(anna: User) -> None:
    row = change("0.1", anna)
    for broken in ({"value": D(9)}, {"reason": "other"}, {"expires_at": clock.now() + DAY}):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            LimitRevision.objects.filter(pk=row.pk).update(**broken)
    with pytest.raises(DatabaseError, match="neither changed nor deleted"), transaction.atomic():
        LimitRevision.objects.filter(pk=row.pk).delete()


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_leave_one_limit_and_lose_none() -> None:
    anna, start = person("anna", CHANGE, APPROVE), threading.Barrier(8)
    problems: list[BaseException] = []

    def run(place: int) -> None:
        try:
            start.wait(10)
            change(f"0.{20 - place}", anna)
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[place]) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not problems and LimitRevision.objects.count() == 8
    assert effective() == D("0.13")


values = st.lists(st.none() | st.decimals(0, 10, places=3), max_size=6)


@given(st.sampled_from(list(L)), values)
def test_no_value_that_applies_is_tighter_than_the_tightest(name: L, values: list[Decimal | None]) -> None:
    found, known = tightest(name, values), [value for value in values if value is not None]
    if CATALOGUE[name].tighter is Tighter.LOWER:
        assert found == min(known, default=None)
    else:
        assert found == max(known, default=None)
    assert not any(CATALOGUE[name].is_tighter(value, found) for value in known)


@given(st.sampled_from(list(L)), values, st.decimals(0, 10, places=3))
def test_one_more_value_never_loosens(name: L, values: list[Decimal | None], more: Decimal) -> None:
    before, after = tightest(name, values), tightest(name, [*values, more])
    assert after is not None and (before is None or after == before or CATALOGUE[name].is_tighter(after, before))


def test_who_else_could_approve_is_one_question_however_many_people_there_are(anna: User) -> None:
    """By a permission of his own, by a group, or as a superuser; active, and not the same person."""
    group = Group.objects.create(name="deputies")
    group.permissions.add(Permission.objects.get(content_type__app_label="risk", codename="approve_limits"))
    for number in range(20):
        person(f"viewer-{number}")
    member, former = person("member"), person("former", APPROVE)
    member.groups.add(group)
    User.objects.filter(pk=former.pk).update(is_active=False)
    User.objects.create(username="root", is_superuser=True)
    person("own", APPROVE)
    with CaptureQueriesContext(connection) as asked:
        found = [str(other) for other in others_with(APPROVE, member)]
    assert set(found) - {"anna", "ben"} == {"own", "root"} and len(asked) == 1
