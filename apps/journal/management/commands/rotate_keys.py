from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.journal import services
from apps.journal.models import Channel


class Command(BaseCommand):
    help = "Seal the addresses of all notice channels with the first of FERNET_KEYS; older keys may go afterwards."

    def handle(self, **options: Any) -> None:
        sealed = services.reseal_channels()
        self.stdout.write(f"{sealed} notice channel{'' if sealed == 1 else 's'} sealed with the first of FERNET_KEYS.")
        unreadable = Channel.objects.count() - sealed
        if unreadable:
            raise CommandError(f"{unreadable} cannot be read: put the key that sealed them back into FERNET_KEYS.")
