from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.journal import services as journal
from apps.strategies import services
from apps.strategies.domain.parameters import MomentumParameters
from apps.strategies.models import MomentumSignal, ParametersRevision, PriceSeries, RebalanceAdvice
from tests.strategies.builders import NOW, store_advice, store_worked_histories

pytestmark = pytest.mark.django_db


@pytest.fixture
def signal() -> MomentumSignal:
    store_worked_histories()
    return services.store_signal(computed=services.compute_signal(now=NOW))


@pytest.fixture
def advice(signal: MomentumSignal) -> RebalanceAdvice:
    return store_advice(signal, line="SXLK")


def page(client: Client, model: str, *args: Any) -> str:
    view = "change" if args else "changelist"
    answer = client.get(reverse(f"admin:strategies_{model}_{view}", args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_signal_shows_its_ranking_as_a_chart_without_inline_styles(
    admin_client: Client, signal: MomentumSignal
) -> None:
    html = page(admin_client, "momentumsignal", signal.pk)
    ranking = html.split('<table class="ranking">')[1].split("</table>")[0]
    assert ranking.count("<rect") == 9
    assert "+50.0%" in ranking and "-25.0%" in ranking and "rank 1 is in the top 3" in ranking
    assert "style=" not in ranking and "<script" not in ranking
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="8"', ranking)]
    # From -25 % to +50 % in a drawing 100 wide: +50 % is 66.67 wide, +20 % 26.67, -25 % 33.33.
    assert widths[:2] == [66.67, 26.67] and widths[-1] == 33.33
    assert "strategies/strategies.css" in html and "+0.0%" not in html


def test_lists_show_what_was_selected_and_advised(admin_client: Client, advice: RebalanceAdvice) -> None:
    assert "SXLK 33.3%, SXLF 33.3%, SXLV 33.3%" in page(admin_client, "momentumsignal")
    listed = page(admin_client, "rebalanceadvice")
    assert "BUY 33 SXLK" in listed and "1 for 3,300.00 USD" in listed and "-3,300.00 USD" in listed
    detail = page(admin_client, "rebalanceadvice", advice.pk)
    assert "HOLD SXLE: no price." in detail and "rank 1 is in the top 3" in detail and "33.3%" in detail
    assert "8,000.00 GBX" in detail and "3,300.00 USD" in detail and "previous close" in detail
    assert "100,000.00 USD" in detail and "No order was sent." in detail and "style=" not in detail.split("trades")[1]
    assert "SXLK" in page(admin_client, "priceseries")


@pytest.mark.mission(37)
def test_snapshots_signals_advice_and_logs_are_collections_to_browse(
    admin_client: Client, advice: RebalanceAdvice
) -> None:
    """Each has its own list, dated, searchable, with a page per row; nothing is removed when the next one comes."""
    journal.record(step="Signal", message="of the collections")
    for address, words in (
        ("/admin/snapshots/portfoliosnapshot/", "DU1"),
        ("/admin/strategies/momentumsignal/", "SXLK 33.3%"),
        ("/admin/strategies/rebalanceadvice/", "BUY 33 SXLK"),
        ("/admin/journal/event/", "of the collections"),
    ):
        assert words in admin_client.get(address).content.decode(), address
        assert admin_client.get(f"{address}?q=SXL").status_code == 200, address
    first = advice.signal
    later = services.store_signal(computed=services.compute_signal(now=NOW))
    assert first.pk != later.pk and set(MomentumSignal.objects.all()) == {first, later}
    listed = page(admin_client, "momentumsignal")
    for kept in (first, later):
        assert reverse("admin:strategies_momentumsignal_change", args=[kept.pk]) in listed


@pytest.mark.parametrize("model", [MomentumSignal, RebalanceAdvice, PriceSeries, ParametersRevision])
def test_nobody_edits_what_was(admin_client: Client, advice: RebalanceAdvice, model: type[Model]) -> None:
    name, row = model._meta.model_name, model._default_manager.values().first()
    assert row is not None
    for view in ("change", "delete"):
        address = reverse(f"admin:strategies_{name}_{view}", args=[row["id"]])
        assert admin_client.post(address, {"post": "yes", "reason": "other"}).status_code == 403
    if model is not ParametersRevision:
        assert admin_client.get(reverse(f"admin:strategies_{name}_add")).status_code == 403
    assert model._default_manager.values().get(pk=row["id"]) == row


@pytest.mark.parametrize("model", ["momentumsignal", "rebalanceadvice"])
def test_list_takes_as_many_queries_for_three_as_for_one(
    admin_client: Client, advice: RebalanceAdvice, model: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(100) as one:
        page(admin_client, model)
    for _ in range(2):
        advice.pk = None
        advice.signal = services.store_signal(computed=services.compute_signal(now=NOW))
        advice.save(force_insert=True)
    with django_assert_max_num_queries(len(one)):
        page(admin_client, model)


def submitted(**changes: Any) -> dict[str, Any]:
    values = {**MomentumParameters().as_values(), "reason": "Spread wider.", "activate": "on", **changes}
    return {name: value for name, value in values.items() if value is not False}


def test_new_revision_is_written_with_its_reason_and_shown(admin_client: Client) -> None:
    add = reverse("admin:strategies_parametersrevision_add")
    form = admin_client.get(add).content.decode()
    assert 'name="top_n" value="3"' in form
    answer = admin_client.post(add, submitted(top_n=4))
    assert answer.status_code == 302, answer.content.decode()
    revision = ParametersRevision.objects.get(is_active=True)
    assert (revision.number, revision.values["top_n"], revision.reason) == (2, 4, "Spread wider.")
    assert (revision.created_by, ParametersRevision.objects.count()) == ("admin", 2)
    detail = page(admin_client, "parametersrevision", revision.pk)
    assert "<dt>top_n</dt><dd>4</dd>" in detail and 'name="_save"' not in detail


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": ""}, "This field is required"),
        ({"top_n": 99}, "top_n=99 must be 1 to 9"),
        ({"max_position_weight": 0.25}, "contradicts top_n=3"),
        ({"currency": "EUR"}, "Select a valid choice"),
    ],
)
def test_revision_that_makes_no_sense_is_refused_in_the_form(
    admin_client: Client, changes: dict[str, Any], said: str
) -> None:
    answer = admin_client.post(reverse("admin:strategies_parametersrevision_add"), submitted(**changes))
    assert answer.status_code == 200 and said in answer.content.decode()
    assert ParametersRevision.objects.count() == 1


def test_action_puts_exactly_one_revision_in_force(admin_client: Client) -> None:
    services.active_revision()
    other = services.create_revision(values={"top_n": 4}, reason="Later.", actor="ann", activate=False)
    address = reverse("admin:strategies_parametersrevision_changelist")
    both = list(ParametersRevision.objects.values_list("pk", flat=True))
    admin_client.post(address, {"action": "activate", "_selected_action": both})
    assert services.active_revision().number == 1
    admin_client.post(address, {"action": "activate", "_selected_action": [other.pk]})
    assert services.active_revision().number == 2


def test_who_may_only_look_can_neither_write_nor_activate(client: Client) -> None:
    first = services.active_revision()
    other = services.create_revision(values={"top_n": 4}, reason="Later.", actor="ann", activate=False)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_parametersrevision"))
    client.force_login(viewer)
    page(client, "parametersrevision", first.pk)
    assert client.post(reverse("admin:strategies_parametersrevision_add"), submitted()).status_code == 403
    chosen = {"action": "activate", "_selected_action": [other.pk]}
    client.post(reverse("admin:strategies_parametersrevision_changelist"), chosen)
    assert services.active_revision() == first and ParametersRevision.objects.count() == 2
