from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("broker", "0007_entry_probe"),
    ]

    operations = [
        migrations.AlterField(
            model_name="request",
            name="kind",
            field=models.CharField(
                choices=[
                    ("quotes", "Quotes"),
                    ("history", "Historical bars"),
                    ("contract_details", "Contract details"),
                    ("option_chain", "Option chain"),
                    ("account_summary", "Account summary"),
                    ("positions", "Positions"),
                    ("open_orders", "Open orders"),
                    ("what_if", "Margin that an order would need"),
                ],
                max_length=20,
            ),
        ),
    ]
