"""Signal and advice for machines and on the desk."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.console.selectors.desk import section_data
from apps.console.wire import section_message
from apps.jobs.models import JobSchedule
from apps.jobs.services import ensure_schedules
from apps.strategies import services
from apps.strategies.models import MomentumSignal, RebalanceAdvice
from tests.strategies.builders import NOW, store_advice, store_worked_histories

pytestmark = pytest.mark.django_db

SIGNAL, REBALANCE = "/api/strategies/signal/latest", "/api/strategies/rebalance/latest"


@pytest.fixture
def headers(make_token: Callable[..., str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token()}"}


@pytest.fixture
def signal() -> MomentumSignal:
    store_worked_histories()
    return services.store_signal(computed=services.compute_signal(now=NOW))


@pytest.fixture
def advice(signal: MomentumSignal) -> RebalanceAdvice:
    return store_advice(signal, equity="100000.1234")


@pytest.mark.parametrize("path", [SIGNAL, REBALANCE])
def test_nothing_yet_is_a_404_that_says_what_computes_it(client: Client, headers: dict[str, str], path: str) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 404
    assert "weekly_rebalance" in answer.json()["detail"] and "manage.py" in answer.json()["detail"]


@pytest.mark.parametrize("path", [SIGNAL, REBALANCE])
def test_strangers_learn_nothing(client: Client, advice: RebalanceAdvice, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.post(path).status_code in (401, 403)


def test_signal_is_the_newest_ranking(client: Client, headers: dict[str, str], signal: MomentumSignal) -> None:
    later = services.store_signal(computed=services.compute_signal(now=NOW, top_n=2))
    document = client.get(SIGNAL, headers=headers).json()
    assert (document["id"], document["top_n"], document["revision"]) == (later.pk, 2, 1)
    assert document["top_sectors"] == ["SXLK", "SXLF"] and document["target_weights"]["SXLK"] == 0.5
    first = document["rankings"][0]
    assert (first["rank"], first["symbol"], first["sector"]) == (1, "SXLK", "Technology")
    assert first["momentum_12_1"] == pytest.approx(0.5) and len(first["month_end_closes"]) == 14


def test_advice_is_the_newest_of_the_account(client: Client, headers: dict[str, str], advice: RebalanceAdvice) -> None:
    document = client.get(REBALANCE, headers=headers).json()
    assert document == client.get(f"{REBALANCE}?account=du1", headers=headers).json()
    assert (document["message"], document["account"], document["currency"]) == ("1 trade recommended", "DU1", "USD")
    assert (document["total_equity"], document["net_cash_flow"]) == (100000.12, -3300.0)
    [trade] = document["trades"]
    assert (trade["action"], trade["shares_to_trade"], trade["price"], trade["price_unit"]) == ("BUY", 33, 8000, "GBX")
    assert document["warnings"] == ["HOLD SXLE: no price."]
    other = client.get(f"{REBALANCE}?account=DU2", headers=headers)
    assert other.status_code == 404 and "for account DU2" in other.json()["detail"]


def test_answers_fit_their_description(client: Client, headers: dict[str, str], advice: RebalanceAdvice) -> None:
    schema = client.get("/api/schema/", headers=headers).json()
    for path in (SIGNAL, REBALANCE):
        described = schema["paths"][path]["get"]["responses"]
        assert "404" in described
        name = described["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        assert set(client.get(path, headers=headers).json()) == set(schema["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("path", [SIGNAL, REBALANCE])
def test_answer_takes_as_many_queries_whatever_the_history(
    client: Client, headers: dict[str, str], advice: RebalanceAdvice, path: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(50) as one:
        client.get(path, headers=headers)
    for _ in range(3):
        services.store_signal(computed=services.compute_signal(now=NOW))
    with django_assert_max_num_queries(len(one)):
        client.get(path, headers=headers)


def test_desk_shows_ranking_advice_and_the_next_sunday(advice: RebalanceAdvice) -> None:
    ensure_schedules(now=NOW)
    section = section_data("signal", now=NOW)
    assert [fund["symbol"] for fund in section["signal"]["funds"] if fund["selected"]] == ["SXLK", "SXLF", "SXLV"]
    assert (section["signal"]["signal_date"], section["signal"]["cash_weight"]) == ("2026-02-13", 0.0)
    assert section["advice"] == {
        "id": advice.pk,
        "account": "DU1",
        "created_at": NOW,
        "buys": 1,
        "sells": 0,
        "notes": 1,
    }
    due = section["next_rebalance_at"]
    assert due.isoweekday() == 7 and (due.hour, due.minute) == (20, 0)
    assert json.loads(section_message("signal", section))["data"]["stale_after"] == 8 * 86_400


def test_desk_without_signal_and_schedule_says_none() -> None:
    ensure_schedules(now=NOW)
    JobSchedule.objects.update(enabled=False)
    section = section_data("signal", now=NOW)
    assert (section["signal"], section["advice"], section["next_rebalance_at"]) == (None, None, None)
