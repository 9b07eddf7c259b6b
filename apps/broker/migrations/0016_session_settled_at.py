from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("broker", "0015_collared_orders"),
    ]

    operations = [
        migrations.AddField(
            model_name="gatewaysession",
            name="settled_at",
            field=models.DateTimeField(
                blank=True,
                help_text="The last moment at which a session had held for 30 s, "
                "or a planned restart explained its absence.",
                null=True,
            ),
        ),
    ]
