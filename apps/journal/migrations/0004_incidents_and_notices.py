import apps.journal.fields
import django.db.models.deletion
import django.db.models.fields.json
import django.utils.timezone
import tradeops.lib.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journal', '0003_process_heartbeat'),
    ]

    operations = [
        migrations.CreateModel(
            name='Channel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True)),
                ('url', apps.journal.fields.EncryptedTextField(help_text='An Apprise address, such as slack://..., mailto://... or json://host/path.', verbose_name='address')),
                ('minimum_severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=8)),
                ('quiet_from', models.TimeField(blank=True, help_text='From here on only critical notices are sent; the others wait.', null=True)),
                ('quiet_to', models.TimeField(blank=True, help_text='Until here; may lie past midnight.', null=True)),
                ('time_zone', models.CharField(default='UTC', help_text='Of the quiet hours, such as Europe/London.', max_length=64)),
                ('enabled', models.BooleanField(default=True)),
            ],
            options={
                'ordering': ['name'],
                'permissions': [('test_channel', 'Can send test notices')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(blank=True, help_text='A notice of this key is sent once only.', max_length=200)),
                ('place', models.CharField(help_text="The channel's name, or webhook.", max_length=64)),
                ('subject', models.CharField(max_length=200)),
                ('body', models.TextField()),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='info', max_length=8)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('pending', 'Waiting'), ('delivered', 'Delivered'), ('logged', 'Logged only'), ('given-up', 'Given up')], default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('lease_owner', models.CharField(blank=True, max_length=32)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('status_code', models.PositiveSmallIntegerField(blank=True, help_text='The HTTP status of the answer.', null=True)),
                ('error', models.TextField(blank=True, help_text='Why the last attempt failed.')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ['-created_at', '-id'],
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='What is wrong, for machines: job:daily_snapshot, ...', max_length=128)),
                ('title', models.CharField(max_length=200)),
                ('detail', models.TextField(blank=True)),
                ('severity', models.CharField(choices=[('info', 'Info'), ('warning', 'Warning'), ('critical', 'Critical')], default='warning', max_length=8)),
                ('scope', models.CharField(blank=True, help_text='The app or system it concerns: broker, jobs, ...', max_length=64)),
                ('opened_at', models.DateTimeField(default=tradeops.lib.clock.now)),
                ('last_seen_at', models.DateTimeField(default=tradeops.lib.clock.now)),
                ('count', models.PositiveIntegerField(default=1, help_text='How often it was found wrong in this episode.')),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                ('acknowledged_by', models.CharField(blank=True, max_length=150)),
                ('snoozed_until', models.DateTimeField(blank=True, null=True)),
                ('escalations', models.PositiveIntegerField(default=0, help_text='How often people were reminded.')),
                ('escalated_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('resolved_by', models.CharField(blank=True, max_length=150)),
                ('resolution', models.TextField(blank=True)),
            ],
            options={
                'ordering': [models.OrderBy(models.F('resolved_at'), descending=True, nulls_first=True), '-opened_at'],
                'permissions': [('handle_incident', 'Can acknowledge, snooze and resolve incidents')],
                'default_permissions': ('view',),
            },
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(django.db.models.fields.json.KeyTransform('incident', 'data'), models.F('number'), condition=models.Q(('step__in', ('Incident', 'Notice'))), name='journal_event_incident'),
        ),
        migrations.AddConstraint(
            model_name='channel',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('quiet_from__isnull', True), ('quiet_to__isnull', True)), models.Q(('quiet_from__isnull', False), ('quiet_to__isnull', False)), _connector='OR'), name='journal_quiet_hours_have_both_ends'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='channel',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='journal.channel'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['-opened_at'], name='journal_incident_opened'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('resolved_at__isnull', True)), fields=['severity'], name='journal_incident_open'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('resolved_at__isnull', True)), fields=('key',), name='journal_one_open_incident_per_key'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='incident',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='journal.incident'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['next_attempt_at', 'id'], name='journal_delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['-created_at', '-id'], name='journal_delivery_newest'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(condition=models.Q(('key', ''), _negated=True), fields=('key', 'place'), name='journal_one_delivery_per_key_and_place'),
        ),
    ]
