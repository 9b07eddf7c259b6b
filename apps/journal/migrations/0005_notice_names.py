from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('journal', '0004_incidents_and_notices'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='channel',
            options={'ordering': ['name'], 'permissions': [('test_channel', 'Can send test notices')], 'verbose_name': 'notice channel'},
        ),
        migrations.AlterModelOptions(
            name='delivery',
            options={'default_permissions': ('view',), 'ordering': ['-created_at', '-id'], 'verbose_name': 'notice'},
        ),
    ]
