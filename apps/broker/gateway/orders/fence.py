"""Only the gateway that holds the lock, in its present connection, may change what is sent. Synchronous."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from apps.broker import selectors
from apps.broker.domain.mode import Login, refusal
from apps.broker.exceptions import FencedError
from apps.broker.gateway.lock import KEY
from apps.broker.models import GatewaySession

HELD = """
    SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
    WHERE l.locktype = 'advisory' AND l.granted AND l.pid = %s
      AND (l.classid::bigint << 32) + l.objid::bigint = %s
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who claims. `lock_pid` is the database session that holds the gateway's lock."""

    epoch: int
    lock_pid: int | None
    client_id: int
    account: str
    paper_trading: bool
    port: int
    accounts: tuple[str, ...]
    live_ports: frozenset[int]


def require(identity: Identity) -> None:
    """Inside the transaction that claims. Raises FencedError."""
    row = GatewaySession.objects.select_for_update(no_key=True).filter(id=GatewaySession.ONLY).first()
    if row is None or row.epoch != identity.epoch:
        raise FencedError(f"Epoch {identity.epoch} is over: another connection or gateway has begun a newer one.")
    if not _holds_lock(identity.lock_pid):
        raise FencedError("This gateway does not hold the lock of its database.")
    reason = refusal(_login(identity))
    if reason:
        raise FencedError(reason)


def _holds_lock(pid: int | None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(HELD, [pid, KEY])
        return cursor.fetchone() is not None


def _login(identity: Identity) -> Login:
    """Port, account prefix and setting, and the unlock as it stands in this transaction."""
    unlocked = identity.paper_trading or selectors.live_is_unlocked()
    return Login(
        identity.paper_trading, identity.port, identity.account, identity.accounts, unlocked, identity.live_ports
    )
