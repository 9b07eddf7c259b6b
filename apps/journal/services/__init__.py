"""Writing to the journal: events, incidents, and notices to people."""

from apps.journal.services.channels import reseal_channels, send_test
from apps.journal.services.courier import Courier
from apps.journal.services.delivery import deliver_due
from apps.journal.services.events import MESSAGE_LENGTH, record
from apps.journal.services.incidents import acknowledge, close_incident, open_incident, resolve_incident, snooze
from apps.journal.services.notices import notify

__all__ = [
    "MESSAGE_LENGTH",
    "Courier",
    "acknowledge",
    "close_incident",
    "deliver_due",
    "notify",
    "open_incident",
    "record",
    "reseal_channels",
    "resolve_incident",
    "send_test",
    "snooze",
]
