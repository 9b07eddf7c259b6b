"""Schedules for other schedulers: cron, launchd and systemd run `manage.py run_job NAME` without a login shell."""
