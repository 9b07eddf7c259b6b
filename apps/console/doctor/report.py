"""All checks in the order in which an operator would mend them."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from apps.console.doctor import broker, data, database, machine, processes, weekly_login
from apps.console.doctor.verdicts import Check, Verdict


def run_checks() -> Iterator[Check]:
    yield machine.check_python()
    yield machine.check_time_zones()
    yield machine.check_disk(settings.VAR_DIR)
    secret_files = [settings.VAR_DIR / "secret_key", settings.BASE_DIR / ".env"]
    yield machine.check_secrets(secret_key=settings.SECRET_KEY, debug=settings.DEBUG, files=secret_files)
    yield machine.check_exposure(settings.WEB_HOST, settings.HTTPS)
    database_checks = database.check_database()
    yield from database_checks
    yield machine.check_web_port(settings.WEB_HOST, settings.WEB_PORT)
    yield from broker.check_broker(settings.BROKER)
    if all(check.verdict is Verdict.OK for check in database_checks):
        yield from processes.check_processes()
        yield from data.check_data()
        yield from weekly_login.check_times()
