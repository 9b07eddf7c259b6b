from django.db import migrations, models

SOURCES = [
    ("market", "Live market price"),
    ("delayed", "Delayed market price"),
    ("delayed_last", "Delayed last trade"),
    ("close", "Previous close"),
    ("mid", "Bid/ask midpoint"),
    ("portfolio", "The broker's own valuation of the portfolio"),
    ("avg_cost", "Average cost (no price available)"),
]


class Migration(migrations.Migration):
    """Advice from before keeps an empty unit: nobody can tell any more."""

    dependencies = [("strategies", "0002_insert_only")]

    operations = [
        migrations.AddField(
            model_name="advisedtrade",
            name="price_unit",
            field=models.CharField(
                default="", help_text="What the price is quoted in: USD, GBP or GBX (pence).", max_length=8
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="advisedtrade",
            name="price_source",
            field=models.CharField(choices=SOURCES, max_length=12),
        ),
    ]
