"""
JournalError
├── UnknownIncident     no incident of that number or key
├── IncidentResolved    the episode is over: nothing to acknowledge or snooze
├── UnknownChannel      no notice channel of that name
└── NoticeFailed        a notice did not arrive; `status_code` where there was an answer
    └── AddressRefused  its target is not a public address
"""

from __future__ import annotations

from tradeops.lib.errors import TradeOpsError


class JournalError(TradeOpsError):
    """The root of what the journal raises on purpose."""


class UnknownIncident(JournalError):
    """There is no such incident."""


class IncidentResolved(JournalError):
    """The incident is over."""


class UnknownChannel(JournalError):
    """There is no such notice channel."""


class NoticeFailed(JournalError):
    """The notice did not arrive, or nobody can say whether it did."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class AddressRefused(NoticeFailed):
    """The target resolves to an address that notices must not reach."""
