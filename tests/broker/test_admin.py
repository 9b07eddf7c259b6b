"""The broker's picture can be looked at, by those who may, and changed by nobody."""

from __future__ import annotations

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.broker.models import AccountValue
from tests.broker import builders

pytestmark = pytest.mark.django_db

MODELS = sorted(
    (model for model in site._registry if model._meta.app_label == "broker"), key=lambda model: model.__name__
)


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin"))
    return client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_table_is_listed_and_read_only(admin: Client, model: type) -> None:
    row = rows()[model.__name__]() if model.__name__ in rows() else None
    name = f"admin:broker_{model.__name__.lower()}"
    assert admin.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin.get(reverse(f"{name}_add")).status_code == 403
    if row is not None:
        page = reverse(f"{name}_change", args=[row.pk])
        assert admin.get(page).status_code == 200
        assert admin.post(page, {}).status_code == 403
        assert admin.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def rows():
    return {
        "Account": builders.account,
        "Instrument": builders.instrument,
        "Position": builders.position,
        "BrokerOrder": builders.order,
        "Execution": builders.execution,
        "GatewaySession": builders.session,
    }


def test_account_page_shows_its_values(admin: Client) -> None:
    account = builders.account()
    AccountValue.objects.create(
        account=account, tag="NetLiquidation", currency="USD", value="123456.78", as_of=builders.AT
    )
    listed = admin.get(reverse("admin:broker_account_changelist")).content.decode()
    assert "123456.78" in listed
    assert "NetLiquidation" in admin.get(reverse("admin:broker_account_change", args=[account.pk])).content.decode()


def test_order_list_costs_the_same_for_three_rows_as_for_one(admin: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            admin.get(reverse("admin:broker_brokerorder_changelist"))
        return len(captured)

    builders.order(1)
    one = queries()
    builders.order(2, instrument=builders.instrument(2, "QQQ"))
    builders.order(3, instrument=builders.instrument(3, "IWM"))
    assert queries() == one
