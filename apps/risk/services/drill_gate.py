"""Would an entry be denied if its scope were halted? Asked of the real verdict and the real gate, then undone."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from apps.broker import gate
from apps.broker.choices import DRILL, OrderPurpose, OrderType, Scope, Side, StopSource, TradingPermission
from apps.broker.models import Account, Instrument, TradingState
from apps.broker.services import Terms
from apps.risk.choices import DenialCode
from apps.risk.gathering import Answers
from apps.risk.services.submission import judge_terms
from tradeops.lib import clock
from tradeops.lib.known import Unknown

REASON = "halt drill, rolled back"
NOT_ASKED = Unknown("not asked for a drill")
NO_ANSWERS = Answers(*[NOT_ASKED] * 5)


def gate_problem(account: Account) -> str:
    """Empty when both deny for this very stop. The stop is never committed: no other process can see it, nothing is
    announced, and what stops trading already stays as it is."""
    with transaction.atomic():
        try:
            return _problem(account)
        finally:
            transaction.set_rollback(True)


def _problem(account: Account) -> str:
    # No contract at the broker has such a conId.
    instrument = Instrument.objects.create(con_id=-1, symbol="DRILL", sec_type="STK", currency="USD", as_of=clock.now())
    TradingState.objects.update_or_create(
        scope=Scope.STRATEGY,
        target=DRILL,
        source=StopSource.MANUAL,
        defaults={"permission": TradingPermission.HALTED, "reason": REASON, "set_by": DRILL},
    )
    found = gate.look(account=account.code, strategy=DRILL, con_id=instrument.con_id)
    if found.admits(OrderPurpose.ENTRY) or not any(REASON in reason for reason in found.reasons):
        return "the gate that is read before each send does not deny an entry of a halted strategy"
    terms = Terms(
        account, instrument, Side.BUY, Decimal(1), OrderType.LIMIT, OrderPurpose.ENTRY, REASON, Decimal(1),
        strategy=DRILL,
    )  # fmt: skip
    denials = judge_terms(terms, NO_ANSWERS).verdict.reasons
    if not any(one.code is DenialCode.TRADING_STOPPED and REASON in one.sentence for one in denials):
        return "the verdict on an entry of a halted strategy does not name the halt"
    return ""
