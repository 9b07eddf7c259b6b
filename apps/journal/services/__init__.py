"""Writing to the journal: events, incidents, and notices to people."""

from apps.journal.services.channels import remove_channel, reseal_channels, save_channel, send_test
from apps.journal.services.courier import Courier
from apps.journal.services.delivery import deliver_due
from apps.journal.services.events import APPEND, MESSAGE_LENGTH, Draft, as_json, draft, log, record, record_all
from apps.journal.services.incidents import acknowledge, close_incident, open_incident, resolve_incident, snooze
from apps.journal.services.notices import notify

__all__ = [
    "APPEND",
    "MESSAGE_LENGTH",
    "Courier",
    "Draft",
    "acknowledge",
    "as_json",
    "close_incident",
    "deliver_due",
    "draft",
    "log",
    "notify",
    "open_incident",
    "record",
    "record_all",
    "remove_channel",
    "reseal_channels",
    "resolve_incident",
    "save_channel",
    "send_test",
    "snooze",
]
