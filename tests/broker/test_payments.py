"""Deposits and withdrawals: booked and removed in the control room, never edited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from apps.broker import selectors, services
from apps.broker.models import CashFlow
from apps.console.roles import assign_role
from apps.journal.models import Event
from tests.broker import builders

pytestmark = pytest.mark.django_db

AT = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)
ADD = "admin:broker_cashflow_add"
FIELDS = {"arrived_at_0": "2026-01-07", "arrived_at_1": "14:30:00", "amount": "-250.50", "note": "Rent"}


def sign_in(client: Client, *permissions: str) -> None:
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)


def book(amount: str = "5", at: datetime = AT) -> CashFlow:
    return services.book_cash_flow(
        account=builders.account(),
        arrived_at=at,
        amount=Decimal(amount),
        currency="USD",
        note="",
        now=AT + timedelta(days=9),
        actor="x",
    )


def test_payment_is_booked_with_the_journal_and_the_accounts_currency(client: Client) -> None:
    sign_in(client, "view_cashflow", "add_cashflow")
    assert client.post(reverse(ADD), {"account": builders.account().pk, **FIELDS}).status_code == 302
    flow = CashFlow.objects.get()
    assert (str(flow.amount), flow.currency, flow.created_by) == ("-250.50", "USD", "ann")
    assert flow.arrived_at == datetime(2026, 1, 7, 14, 30, tzinfo=UTC)
    assert Event.objects.get(step="Payment").message == "booked: DU1 2026-01-07 14:30: -250.50 USD"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "0", "positive for a deposit"),
        ("currency", "EUR", "in USD"),
        ("arrived_at_0", "2990-01-01", "lies ahead"),
    ],
)
def test_payment_that_cannot_count_is_refused_in_the_form(
    admin_client: Client, field: str, value: str, words: str
) -> None:
    answer = admin_client.post(reverse(ADD), {"account": builders.account().pk, **FIELDS, field: value})
    assert words in answer.content.decode() and not CashFlow.objects.exists()


def test_link_that_cannot_be_read_leaves_the_moment_to_the_person(admin_client: Client) -> None:
    page = admin_client.get(reverse(ADD), {"arrived_at": "yesterday", "amount": "5"})
    form = page.context["adminform"].form
    assert (page.status_code, form["arrived_at"].initial, form["amount"].initial) == (200, None, "5")


def test_payment_is_removed_not_edited_and_both_are_remembered(admin_client: Client) -> None:
    flows = [book(), book(at=AT + timedelta(days=1))]
    change = reverse("admin:broker_cashflow_change", args=[flows[0].pk])
    assert admin_client.post(change, {"amount": "9"}).status_code == 403
    admin_client.post(reverse("admin:broker_cashflow_delete", args=[flows[0].pk]), {"post": "yes"})
    listed = reverse("admin:broker_cashflow_changelist")
    admin_client.post(listed, {"action": "delete_selected", "_selected_action": [flows[1].pk], "post": "yes"})
    assert not CashFlow.objects.exists()
    assert Event.objects.filter(step="Payment", message__startswith="removed", actor="admin").count() == 2


def test_booking_moves_loss_limits_so_it_takes_the_role_risk(client: Client) -> None:
    people = {role: User.objects.create_user(role) for role in ("trader", "risk")}
    for role, user in people.items():
        assign_role(user=user, role=role, actor="test")
    assert [people[role].has_perm("broker.add_cashflow") for role in ("trader", "risk")] == [False, True]
    client.force_login(people["trader"])
    assert client.get(reverse(ADD)).status_code == 403


def test_payments_of_a_time_are_those_after_its_beginning_up_to_its_end() -> None:
    book("1", AT), book("2", AT + timedelta(hours=1)), book("3", AT + timedelta(hours=2))
    found = selectors.cash_flows(account=builders.account(), after=AT, until=AT + timedelta(hours=1))
    assert [flow.amount for flow in found] == [2]
