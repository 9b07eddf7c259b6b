"""Parameters: what is refused, and that a revision once written stays as it is."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.journal.models import Event
from apps.strategies import services
from apps.strategies.domain.parameters import MomentumParameters, checked, read_parameters
from apps.strategies.exceptions import InvalidParameters
from apps.strategies.models import ParametersRevision

pytestmark = pytest.mark.django_db
DEFAULTS = MomentumParameters()


@pytest.mark.mission(41)
def test_defaults_are_those_of_the_original() -> None:
    assert (DEFAULTS.top_n, DEFAULTS.momentum_floor, DEFAULTS.trade_threshold) == (3, -0.20, 0.02)
    assert (DEFAULTS.exit_rank_threshold, DEFAULTS.cash_when_fewer) == (5, False)
    assert checked(DEFAULTS) == DEFAULTS == read_parameters(DEFAULTS.as_values())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"top_n": 0}, "top_n=0 must be 1 to 9"),
        ({"top_n": 10}, "top_n=10"),
        ({"top_n": "3"}, "top_n='3' must be a number"),
        ({"top_n": True}, "top_n=True"),
        ({"top_n": 2.5}, "top_n=2.5"),
        ({"momentum_floor": float("nan")}, "momentum_floor=nan"),
        ({"exit_rank_threshold": 0}, "exit_rank_threshold=0"),
        ({"trade_threshold": -0.1}, "trade_threshold=-0.1"),
        ({"currency": "EUR"}, "currency=EUR must be one of USD, GBP"),
        ({"hysteresis": 1}, "hysteresis=1 must be bool"),
        ({"other_holdings": "burn"}, "other_holdings=burn must be one of leave, sell"),
        ({"colour": "red"}, "colour is not a parameter"),
        ({"max_position_weight": 0.25}, "max_position_weight=0.25 contradicts top_n=3: each of 3 holdings .* 33.3%"),
        ({"max_position_weight": 0.0}, "max_position_weight=0.0 must be a fraction above 0"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidParameters, match=said):
        read_parameters({**DEFAULTS.as_values(), **values})


def test_position_limit_that_fits_is_accepted() -> None:
    assert checked(replace(DEFAULTS, top_n=4, max_position_weight=0.25)).max_position_weight == 0.25


def test_first_use_writes_the_defaults_as_revision_one() -> None:
    revision = services.active_revision()
    assert (revision.number, revision.is_active, revision.values) == (1, True, DEFAULTS.as_values())
    assert services.active_revision() == revision and ParametersRevision.objects.count() == 1


def test_new_revision_takes_the_place_of_the_active_one_and_is_told() -> None:
    services.active_revision()
    second = services.create_revision(values={"top_n": 4}, reason="Spread wider.", actor="ann")
    assert (second.number, second.created_by, second.activated_by) == (2, "ann", "ann")
    assert list(ParametersRevision.objects.filter(is_active=True)) == [second] == [services.active_revision()]
    event = Event.objects.get(step="Parameters", level="WARN")
    assert event.actor == "ann" and event.data["changed"] == {"top_n": 4}
    assert event.message == "ETF momentum parameters 2 in force (top_n=4): Spread wider."


def test_old_revision_can_be_put_in_force_again() -> None:
    first = services.active_revision()
    services.create_revision(values={"top_n": 4}, reason="Try it.", actor="ann")
    services.activate_revision(revision=first, actor="bob")
    assert services.active_revision().number == 1
    assert ParametersRevision.objects.filter(is_active=True).count() == 1
    events = Event.objects.count()
    services.activate_revision(revision=first, actor="bob")
    assert Event.objects.count() == events


def test_revision_needs_a_reason_and_sound_values_else_nothing_is_written() -> None:
    services.active_revision()
    with pytest.raises(InvalidParameters, match="Say why"):
        services.create_revision(values={}, reason="  ", actor="ann")
    with pytest.raises(InvalidParameters, match="top_n=99"):
        services.create_revision(values={"top_n": 99}, reason="More.", actor="ann")
    assert ParametersRevision.objects.count() == 1


def test_revision_can_wait() -> None:
    services.active_revision()
    waiting = services.create_revision(values={"top_n": 4}, reason="Later.", actor="ann", activate=False)
    assert not waiting.is_active and services.active_revision().number == 1


@pytest.mark.parametrize("change", [{"values": {}}, {"reason": "other"}, {"number": 9}, {"created_by": "eve"}])
def test_database_refuses_to_change_a_revision(change: dict[str, Any]) -> None:
    revision = services.active_revision()
    with pytest.raises(IntegrityError, match="insert-only: UPDATE refused"), transaction.atomic():
        ParametersRevision.objects.filter(pk=revision.pk).update(**change)


def test_database_refuses_to_delete_a_revision_and_to_have_two_active() -> None:
    revision = services.active_revision()
    with pytest.raises(IntegrityError, match="DELETE refused"), transaction.atomic():
        ParametersRevision.objects.filter(pk=revision.pk).delete()
    other = services.create_revision(values={}, reason="Same.", actor="ann", activate=False)
    with pytest.raises(IntegrityError, match="strategies_one_active_revision"), transaction.atomic():
        ParametersRevision.objects.filter(pk=other.pk).update(is_active=True)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_leave_one_active_and_distinct_numbers() -> None:
    together = Barrier(4)
    failures: list[Exception] = []

    def write(top_n: int) -> None:
        together.wait()
        try:
            services.active_revision()
            services.create_revision(values={"top_n": top_n}, reason="At once.", actor=f"writer {top_n}")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=write, args=[number]) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(ParametersRevision.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5]
    assert ParametersRevision.objects.filter(is_active=True).count() == 1
