"""Incidents and notices in the control room."""

from apps.journal.admin.channels import ChannelAdmin
from apps.journal.admin.deliveries import DeliveryAdmin
from apps.journal.admin.incidents import IncidentAdmin

__all__ = ["ChannelAdmin", "DeliveryAdmin", "IncidentAdmin"]
