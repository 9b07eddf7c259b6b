"""What happened, who was told of it, and which processes live."""

from apps.journal.models.events import Event
from apps.journal.models.heartbeats import ProcessHeartbeat
from apps.journal.models.incidents import Incident
from apps.journal.models.notices import Channel, Delivery

__all__ = ["Channel", "Delivery", "Event", "Incident", "ProcessHeartbeat"]
