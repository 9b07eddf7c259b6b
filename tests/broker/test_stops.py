"""Which states of an emergency action end it, and which have the gateway at work."""

from __future__ import annotations

from apps.broker.choices import EmergencyState
from apps.broker.models.stops import CANCELLING, ENDED, UNFINISHED


def test_every_state_is_ended_or_not_and_the_gateway_works_until_positions_are_closed() -> None:
    assert {*ENDED, *UNFINISHED} == set(EmergencyState) and not {*ENDED} & {*UNFINISHED}
    assert {*UNFINISHED} - {*CANCELLING} == {EmergencyState.CLOSING}
