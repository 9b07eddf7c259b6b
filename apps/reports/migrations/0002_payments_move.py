"""Payments belong to the accounts, where the loss limits can see them too. Nothing booked is lost.

A date becomes its first instant in UTC: the first snapshot of that date or later includes the payment, as before.
"""

from typing import Any

from django.db import migrations

MOVE = """
INSERT INTO broker_cashflow (account_id, arrived_at, amount, currency, note, created_at, created_by)
SELECT account_id, date::timestamp AT TIME ZONE 'UTC', amount, currency, note, created_at, created_by
FROM reports_cashflow ORDER BY id;
DELETE FROM reports_cashflow;
"""

MOVE_BACK = """
INSERT INTO reports_cashflow (account_id, date, amount, currency, note, created_at, created_by)
SELECT account_id, (arrived_at AT TIME ZONE 'UTC')::date, amount, currency, note, created_at, created_by
FROM broker_cashflow ORDER BY id;
DELETE FROM broker_cashflow;
"""


def rename_content_type(source: str, target: str) -> Any:
    """What was granted by hand stays granted."""

    def rename(apps: Any, schema_editor: Any) -> None:
        known = apps.get_model("contenttypes", "ContentType").objects.filter(model="cashflow")
        if not known.filter(app_label=target).exists():
            known.filter(app_label=source).update(app_label=target)

    return rename


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0001_initial"),
        ("broker", "0011_settlements_and_payments"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL(MOVE, MOVE_BACK),
        migrations.RunPython(rename_content_type("reports", "broker"), rename_content_type("broker", "reports")),
        migrations.DeleteModel(name="CashFlow"),
    ]
