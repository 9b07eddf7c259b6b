"""The broker's picture can be looked at, by those who may, and changed by nobody."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import autodiscover, site
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.broker.models import AccountValue, CashFlow, ExternalOrder, Order, Trade
from tests.broker import builders
from tests.broker.ledger.builders import make_order

pytestmark = pytest.mark.django_db

autodiscover()
# People give orders on the page of orders, and book payments.
MODELS = sorted(
    (model for model in site._registry if model._meta.app_label == "broker" and model not in (Order, CashFlow)),
    key=lambda model: model.__name__,
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


def trade(con_id: int, number: int = 1) -> Trade:
    return Trade.objects.create(
        account=builders.account(),
        instrument=builders.instrument(con_id, f"S{con_id}"),
        direction="long",
        number=number,
        opened_at=builders.AT,
        quantity=1,
        entry_price=1,
        currency="USD",
    )


def external(con_id: int) -> ExternalOrder:
    return ExternalOrder.objects.create(
        idempotency_key=f"external:{con_id}",
        account=builders.account(),
        instrument=builders.instrument(con_id, f"S{con_id}"),
        side="BUY",
        quantity=1,
        order_type="MKT",
        purpose="entry",
        reason="given in TWS or by another program",
        requested_by="client 0",
        is_external=True,
        state="working",
        perm_id=con_id,
    )


@pytest.mark.parametrize(("name", "make"), [("trade", trade), ("externalorder", external)])
def test_ledger_lists_cost_the_same_for_three_rows_as_for_one(admin: Client, name: str, make: Any) -> None:
    address = reverse(f"admin:broker_{name}_changelist")
    make(1)
    with CaptureQueriesContext(connection) as one:
        admin.get(address)
    make(2)
    make(3)
    with CaptureQueriesContext(connection) as three:
        page = admin.get(address).content.decode()
    assert len(three) == len(one) and "S3" in page


def test_inbox_shows_only_what_others_did_and_leads_to_the_order(admin: Client) -> None:
    row = external(1)
    own = make_order()
    page = admin.get(reverse("admin:broker_externalorder_changelist")).content.decode()
    assert str(row.pk) in page and str(own.pk) not in page
    answer = admin.get(reverse("admin:broker_externalorder_change", args=[row.pk]))
    assert answer.url == reverse("admin:broker_order_change", args=[row.pk])
    assert admin.get(answer.url).status_code == 200


def test_trade_shows_its_closings(admin: Client) -> None:
    row = trade(1)
    row.closings.create(
        entry_order="1",
        exit_order="4711",
        opened_at=builders.AT,
        closed_at=builders.AT,
        quantity=1,
        entry_value=1,
        exit_value=2,
        commission=0,
        net=1,
    )
    assert "4711" in admin.get(reverse("admin:broker_trade_change", args=[row.pk])).content.decode()
