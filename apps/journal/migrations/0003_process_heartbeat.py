from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("journal", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProcessHeartbeat",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=128, unique=True)),
                ("kind", models.CharField(choices=[("web", "Web"), ("sentinel", "Sentinel")], max_length=8)),
                ("host", models.CharField(max_length=128)),
                ("pid", models.PositiveIntegerField()),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="False: a standby that waits until the active one ends."
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("heartbeat_at", models.DateTimeField()),
            ],
            options={"ordering": ["kind", "name"], "default_permissions": ("view",)},
        ),
    ]
