"""What risk refuses.

TradeOpsError
└── RiskError
    ├── LimitError        a change of a limit that is not allowed; the text says what would be
    ├── ApprovalError     the order may not be approved by this person or any more
    ├── EmergencyError    a halt, resume, cancel-all or close-all that cannot be carried out as asked
    └── DrillError        a halt drill that failed: the stop may not work, the text says what of it
"""

from __future__ import annotations

from tradeops.lib.errors import TradeOpsError


class RiskError(TradeOpsError):
    pass


class LimitError(RiskError):
    pass


class ApprovalError(RiskError):
    pass


class EmergencyError(RiskError):
    pass


class DrillError(RiskError):
    pass
