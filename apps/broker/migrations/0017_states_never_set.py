from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("broker", "0016_session_settled_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="emergencyrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("requested", "Requested"),
                    ("cancelling", "Cancelling orders"),
                    ("closing", "Closing positions"),
                    ("done", "Done and verified at the broker"),
                    ("others", "Done for ours, but orders of others still work"),
                    ("escalated", "Not verified: a person must look"),
                    ("failed", "Failed"),
                ],
                default="requested",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="tradingstate",
            name="source",
            field=models.CharField(
                choices=[
                    ("manual", "A person"),
                    ("limit", "A limit"),
                    ("breaker", "A circuit breaker"),
                    ("reconciliation", "Reconciliation"),
                    ("broker", "A warning of the broker"),
                ],
                max_length=14,
            ),
        ),
    ]
