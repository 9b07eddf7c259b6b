"""Limits and restrictions in the admin and by commands."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from apps.risk import selectors
from apps.risk.choices import LimitName as L
from apps.risk.choices import RevisionState
from apps.risk.domain.limits import CATALOGUE
from apps.risk.models import LimitRevision, OrderVerdict, Restriction
from tests.broker.ledger.builders import make_instrument, make_order
from tests.risk.world import person
from tradeops.lib import clock

pytestmark = pytest.mark.django_db
CHANGE, APPROVE = "risk.change_limits", "risk.approve_limits"
LIST, ADD = "/admin/risk/limitrevision/", "/admin/risk/limitrevision/add/"


def signed_in(name: str, *permissions: str) -> tuple[Client, User]:
    user = person(name, *permissions)
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="risk", codename__startswith="view_"))
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client, user


def change(client: Client, **changes: Any) -> Any:
    data = {"name": "MAX_POSITION_SHARE", "scope": "everything", "target": "", "value": "0.1", "reason": "calmer"}
    return client.post(ADD, data | changes, follow=True)


def press(client: Client, action: str, row: Any, where: str = LIST) -> str:
    answer = client.post(where, {"action": action, "_selected_action": [row.pk]}, follow=True)
    return answer.content.decode()


def value() -> Decimal | None:
    return selectors.effective_limits()[L.MAX_POSITION_SHARE].value


def test_list_shows_what_holds_and_where_it_comes_from() -> None:
    client, _ = signed_in("anna", CHANGE)
    change(client, expires_at_0="2030-01-02", expires_at_1="03:04")
    shown = client.get(LIST).content.decode()
    assert "calmer (anna)" in shown and "2030-01-02 03:04 UTC" in shown and "MiFID II RTS 6" in shown
    assert shown.count("persons only") == 4


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        (L.MAX_POSITION_SHARE, "0.02500000", "2.5 %"),
        (L.MAX_GROSS_EXPOSURE, "2", "200 %"),
        (L.TOTAL_CAPITAL, "10000", "10,000.00"),
        (L.MAX_QUOTE_AGE, "5.00", "5 s"),
        (L.FUNDS_MARGIN, "1.0100", "1.01 times"),
        (L.MAX_ORDERS_PER_DAY, "1500.00", "1500"),
    ],
)
def test_values_are_shown_with_their_unit(name: L, number: str, words: str) -> None:
    assert CATALOGUE[name].shown(Decimal(number)).replace("\N{NO-BREAK SPACE}", " ") == words
    assert CATALOGUE[name].shown(None) == "none"


def test_tightening_holds_at_once_loosening_waits_for_a_second_person() -> None:
    client, _ = signed_in("anna", CHANGE, APPROVE)
    other, _ = signed_in("ben", APPROVE)
    assert change(client).status_code == 200 and value() == Decimal("0.1")
    shown = change(client, value="0.2", reason="bolder").content.decode()
    assert "does not hold yet: waits for a second person" in shown and value() == Decimal("0.1")
    row = LimitRevision.objects.get(state=RevisionState.PENDING)
    assert "Somebody else must approve" in press(client, "approve", row) and value() == Decimal("0.1")
    assert "1 now in force" in press(other, "approve", row) and value() == Decimal("0.2")


def test_refused_loosening_does_not_hold() -> None:
    client, _ = signed_in("anna", CHANGE)
    other, _ = signed_in("ben", APPROVE)
    change(client, value="0.5")
    row = LimitRevision.objects.get()
    assert "1 refused" in press(other, "refuse", row) and value() == Decimal("0.25")


def test_form_says_what_is_wrong_and_writes_nothing() -> None:
    client, _ = signed_in("anna", CHANGE)
    assert "must be a number from 0 to 10" in change(client, value="11").content.decode()
    assert "Name the account" in change(client, scope="account").content.decode()
    assert "must lie ahead" in change(client, expires_at_0="2020-01-01", expires_at_1="00:00").content.decode()
    assert not LimitRevision.objects.exists()


def test_viewer_looks_and_changes_nothing() -> None:
    client, _ = signed_in("vera")
    owner, _ = signed_in("anna", CHANGE)
    change(owner, value="0.5")
    row = LimitRevision.objects.get()
    assert client.get(LIST).status_code == 200 and change(client).status_code == 403
    press(client, "approve", row)
    row.refresh_from_db()
    assert row.state == RevisionState.PENDING and value() == Decimal("0.25")
    for user in (client, owner):
        assert user.post(f"{LIST}{row.pk}/change/", {"value": "9"}).status_code == 403
        assert user.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert LimitRevision.objects.count() == 1


def test_restriction_is_set_by_one_and_lifted_by_another() -> None:
    make_instrument("SPY", 756733)
    client, _ = signed_in("anna", CHANGE, APPROVE)
    other, _ = signed_in("ben", APPROVE)
    where = "/admin/risk/restriction/"
    unknown = client.post(where + "add/", {"con_id": "5", "reason": "x"}).content.decode()
    assert "No instrument with the contract id 5" in unknown
    client.post(where + "add/", {"con_id": "756733", "reason": "earnings"})
    row = Restriction.objects.get()
    assert (row.symbol, row.set_by, row.lifted_at) == ("SPY", "anna", None)
    again = client.post(where + "add/", {"con_id": "756733", "reason": "again"}).content.decode()
    assert "restricted already" in again
    assert "Somebody else must lift" in press(client, "lift", row, where)
    assert "1 lifted" in press(other, "lift", row, where)
    row.refresh_from_db()
    assert row.lifted_by == "ben" and row.lifted_at is not None


def test_person_is_restricted_by_one_and_never_lifts_it_himself() -> None:
    client, _ = signed_in("anna", CHANGE, APPROVE)
    ben, _ = signed_in("ben", APPROVE)
    where = "/admin/risk/restriction/"
    nothing = client.post(where + "add/", {"con_id": "0", "reason": "x"}).content.decode()
    assert "Name an instrument, a person or a strategy" in nothing
    nobody = client.post(where + "add/", {"con_id": "0", "person": "zoe", "reason": "x"}).content.decode()
    assert "There is no user &#x27;zoe&#x27;" in nobody
    client.post(where + "add/", {"con_id": "0", "person": "ben", "reason": "on leave"})
    row = Restriction.objects.get()
    assert row.what == "every instrument by ben" and row.what in client.get(where).content.decode()
    assert "restriction of your own orders" in press(ben, "lift", row, where)
    other, _ = signed_in("cleo", APPROVE)
    assert "1 lifted" in press(other, "lift", row, where)


def test_verdict_page_tells_every_reason_and_escapes_it() -> None:
    reasons = [
        {"code": "FUNDS", "sentence": "<b>too dear</b>", "data": {}},
        {"code": "ORDER_RATE", "sentence": "Fast."},
    ]
    verdict = OrderVerdict.objects.create(
        order=make_order(), is_approved=False, reasons=reasons, saw={"quote": "<i>1</i>"}, asked_by="anna"
    )
    client, _ = signed_in("vera")
    assert "And 1 more." in client.get("/admin/risk/orderverdict/").content.decode()
    page = client.get(f"/admin/risk/orderverdict/{verdict.pk}/change/").content.decode()
    assert "ORDER_RATE" in page and "<b>too" not in page and "&lt;b&gt;too dear" in page and "<i>1" not in page


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_commands_show_and_change_limits() -> None:
    person("anna", CHANGE, APPROVE), person("ben", APPROVE)
    assert "in force" in run("set_limit", "MAX_POSITION_SHARE", "0.1", "--user", "anna", "--reason", "calmer")
    proposed = run("set_limit", "MAX_POSITION_SHARE", "0.3", "--user", "anna", "--reason", "bold", "--hours", "2")
    row = LimitRevision.objects.get(state=RevisionState.PENDING)
    assert f"--approve {row.pk} --user NAME" in proposed
    listed = {limit["name"]: limit for limit in json.loads(run("limits", "--json"))}
    assert listed["MAX_POSITION_SHARE"]["value"] == "0.1" and "0.3" in listed["MAX_POSITION_SHARE"]["waiting"]
    assert "in force" in run("set_limit", "--approve", str(row.pk), "--user", "ben")
    assert abs(row.expires_at - clock.now() - timedelta(hours=2)) < timedelta(minutes=1)
    table = run("limits")
    assert "MAX_POSITION_SHARE" in table and "0.3" in table


def test_command_says_what_is_missing() -> None:
    person("anna", CHANGE)
    for words, text in (
        (["MAX_POSITION_SHARE", "0.1", "--user", "nobody"], "There is no user nobody"),
        (["MAX_POSITION_SHARE", "much", "--user", "anna", "--reason", "x"], "much is not a number"),
        (["MAX_POSITION_SHARE", "--user", "anna"], "Name the limit and its value"),
        (["MAX_POSITION_SHARE", "0.1", "--user", "anna"], "Say why"),
    ):
        with pytest.raises(CommandError, match=text):
            run("set_limit", *words)
    assert not LimitRevision.objects.exists()


def test_job_puts_what_cooled_off_in_force() -> None:
    from apps.jobs.context import JobContext
    from apps.jobs.models import JobRun
    from apps.risk.tasks import limits

    person("anna", CHANGE)
    run("set_limit", "MAX_POSITION_SHARE", "0.5", "--user", "anna", "--reason", "bold")
    due = LimitRevision.objects.get().effective_at
    assert limits(JobContext(JobRun(), due - timedelta(seconds=1))) == {"changed": 0}
    assert limits(JobContext(JobRun(), due)) == {"changed": 1} and value() == Decimal("0.5")
