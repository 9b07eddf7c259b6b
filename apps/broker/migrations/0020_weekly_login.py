from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("broker", "0019_broker_clock"),
    ]

    operations = [
        migrations.AddField(
            model_name="gatewaysession",
            name="logged_in_at",
            field=models.DateTimeField(blank=True, help_text="The trading link's latest login.", null=True),
        ),
        migrations.AddField(
            model_name="gatewaysession",
            name="weekly_login_kept_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the last weekly login that was kept was proved: a session with a login of about then "
                "had held after it.",
                null=True,
            ),
        ),
    ]
