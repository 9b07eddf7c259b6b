"""What was booked, and who may book, is kept when payments move from the reports to the accounts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.apps.registry import Apps
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.broker.models import CashFlow
from tests.broker import builders


def migrate(*targets: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection).loader.project_state(list(targets)).apps


@pytest.mark.django_db(transaction=True)
def test_payments_and_grants_survive_the_migration_back_and_forth() -> None:
    account, group = builders.account(), Group.objects.create(name="granted by hand")
    group.permissions.add(Permission.objects.get(codename="add_cashflow"))
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    before = migrate(("reports", "0001_initial"))
    assert group.permissions.get().content_type.app_label == "reports"
    before.get_model("reports", "CashFlow").objects.create(
        account_id=account.pk,
        date=date(2026, 1, 7),
        amount=Decimal("-5.50"),
        currency="USD",
        note="Rent",
        created_by="ann",
    )
    migrate(*newest)
    flow = CashFlow.objects.get()
    assert (flow.arrived_at, flow.amount, flow.note) == (datetime(2026, 1, 7, tzinfo=UTC), Decimal("-5.50"), "Rent")
    assert (flow.account, flow.created_by, flow.day) == (account, "ann", date(2026, 1, 7))
    assert group.permissions.get().content_type.app_label == "broker"
