from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.snapshots import services
from apps.snapshots.models import PortfolioSnapshot
from tests.snapshots.builders import NOW, contract, holding, quoted, stored_account, stored_instrument, valuation


@pytest.fixture
def snapshot(db: None) -> PortfolioSnapshot:
    stored_account()
    stored_instrument(contract())
    return services.store_snapshot(valuation=valuation(holding(), quotes={1: quoted("100", "delayed_last")}))


def test_list_shows_equity_cash_positions_and_sources(admin_client: Client, snapshot: PortfolioSnapshot) -> None:
    page = admin_client.get(reverse("admin:snapshots_portfoliosnapshot_changelist")).content.decode()
    for text in ("10000", "9000", "delayed_last", "DU1"):
        assert text in page
    assert 'class="field-position_count">1<' in page


def test_detail_shows_the_positions(admin_client: Client, snapshot: PortfolioSnapshot) -> None:
    page = admin_client.get(reverse("admin:snapshots_portfoliosnapshot_change", args=[snapshot.pk])).content.decode()
    assert "SXLK" in page and "1000" in page


def test_nobody_edits_a_snapshot(admin_client: Client, snapshot: PortfolioSnapshot) -> None:
    assert admin_client.get(reverse("admin:snapshots_portfoliosnapshot_add")).status_code == 403
    for view in ("change", "delete"):
        url = reverse(f"admin:snapshots_portfoliosnapshot_{view}", args=[snapshot.pk])
        assert admin_client.post(url, {"cash": "1", "post": "yes"}).status_code == 403
    assert PortfolioSnapshot.objects.get().cash == 9000


def test_list_takes_as_many_queries_for_three_as_for_one(
    admin_client: Client, snapshot: PortfolioSnapshot, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(100) as one:
        admin_client.get(reverse("admin:snapshots_portfoliosnapshot_changelist"))
    for day in (1, 2):
        services.store_snapshot(valuation=valuation(holding(), at=NOW + timedelta(days=day)))
    with django_assert_max_num_queries(len(one)):
        admin_client.get(reverse("admin:snapshots_portfoliosnapshot_changelist"))
