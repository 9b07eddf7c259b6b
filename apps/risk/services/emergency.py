"""Stopping: halt, cancel all, close all. One person and no approval; carried out and verified by the gateway.

First the local file, then the rows: whatever is broken, what can still stop trading is done, and said. Every press is
safe to repeat. Nothing here waits for the broker; the receipt (EmergencyRun) tells how it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from apps.broker import gate
from apps.broker import selectors as broker_selectors
from apps.broker.choices import (
    DRILL,
    EmergencyKind,
    OrderPurpose,
    Scope,
    StopEnding,
    StopSource,
    TradingMode,
    TradingPermission,
)
from apps.broker.models import Account, EmergencyRun, TradingState
from apps.risk.exceptions import EmergencyError
from apps.risk.services import emergency_flag
from apps.risk.services.emergency_flag import Flag
from apps.risk.services.emergency_rows import Press, covers, stricter, write_rows
from tradeops.lib.texts import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

HALT = "broker.halt_trading"
ATTEMPTS = 3
STOPPING = (TradingPermission.REDUCING, TradingPermission.HALTED, TradingPermission.KILLED)


@dataclass(frozen=True, slots=True)
class Asked:
    """The acknowledgement. `run` None: the database is away, the file alone stops trading; the gateway writes the
    receipt `run_id` when the database is back. `notes`: what a person should know, a sentence each."""

    run_id: UUID
    run: EmergencyRun | None
    notes: tuple[str, ...] = ()


def halt(
    *,
    scope: Scope,
    target: str = "",
    reason: str,
    actor: str = "",
    user: User | None = None,
    came_by: str = "api",
    permission: TradingPermission = TradingPermission.HALTED,
    source: StopSource = StopSource.MANUAL,
    ending: StopEnding = StopEnding.PERSON,
    ends_at: datetime | None = None,
) -> Asked:
    """Block entries in the scope and cancel those that work; KILLED blocks and cancels everything.

    A stop that holds already is never weakened. `user` None: a program, or whoever may use this machine's shell.
    Raises EmergencyError.
    """
    actor, reason = checked(scope, target, reason, actor, user)
    if permission not in STOPPING:
        raise EmergencyError("A halt is reducing, halted or killed. To go on trading, resume.")
    press = Press(EmergencyKind.HALT, scope, target, permission, reason, actor, came_by, source, ending, ends_at)
    return _ask(press, with_file=source is StopSource.MANUAL and scope is Scope.EVERYTHING)


def cancel_all(
    *,
    scope: Scope,
    target: str = "",
    reason: str,
    actor: str = "",
    user: User | None = None,
    came_by: str = "api",
) -> Asked:
    """Cancel every order of the scope, those that protect positions too. Trading is not halted by it.

    Raises EmergencyError.
    """
    actor, reason = checked(scope, target, reason, actor, user)
    return _ask(Press(EmergencyKind.CANCEL_ALL, scope, target, TradingPermission.KILLED, reason, actor, came_by))


def press_drill(*, reason: str, actor: str) -> Asked:
    """A cancel-all of the strategy that no order may have, as everybody presses. The caller decides who may.

    Raises EmergencyError, also where the database is away: a drill leaves no halt file.
    """
    actor, reason = checked(Scope.STRATEGY, DRILL, reason, actor, None)
    return _ask(
        Press(EmergencyKind.CANCEL_ALL, Scope.STRATEGY, DRILL, TradingPermission.KILLED, reason, actor, came_by=DRILL)
    )


def close_all(
    *,
    scope: Scope = Scope.EVERYTHING,
    target: str = "",
    reason: str,
    actor: str = "",
    user: User | None = None,
    came_by: str = "api",
    confirmation: str = "",
) -> Asked:
    """Halt the scope, cancel its orders, and close what the broker then shows. Once per account at a time: whoever
    presses second gets the receipt of the one under way, and is refused, though halted, where that one closes less.

    A live account needs `confirmation`, the words of `close_all_words`. Closing is driven by `emergency_closing`.
    Raises EmergencyError.
    """
    actor, reason = checked(scope, target, reason, actor, user)
    if scope is Scope.STRATEGY:
        raise EmergencyError(
            "The broker holds positions per account, not per strategy: close everything, the account or an instrument."
        )
    try:
        account = closable_account(scope, target)
        _require_confirmation(account, confirmation)
        _require_way_out(account, scope, target)
    except (OperationalError, InterfaceError) as error:
        account, away = None, error
    press = Press(
        EmergencyKind.CLOSE_ALL, scope, target, TradingPermission.HALTED, reason, actor, came_by,
        account=account.code if account else "",
    )  # fmt: skip
    if account is None:
        return _without_database(press, uuid4(), away, [])
    return _ask(press, with_file=scope is Scope.EVERYTHING)


def close_all_words(account: str) -> str:
    return f"CLOSE ALL {account}"


def closable_account(scope: Scope, target: str) -> Account:
    """The account that the gateway trades: no other can be closed from here. Raises EmergencyError."""
    account = broker_selectors.default_account()
    if account is None:
        raise EmergencyError("No account is known yet: start the gateway, or close the positions in TWS.")
    if scope is Scope.ACCOUNT and target != account.code:
        raise EmergencyError(f"This gateway trades {account.code}: close {target} in TWS.")
    return account


def checked(scope: Scope, target: str, reason: str, actor: str, user: User | None) -> tuple[str, str]:
    """Who it is, and why, in characters that can be kept. Raises EmergencyError for what cannot be meant."""
    reason = storable(reason)
    if user is not None and not (user.is_active and user.has_perm(HALT)):
        raise EmergencyError(f"{user.get_username()} lacks the permission {HALT}: an administrator grants it.")
    if not reason.strip():
        raise EmergencyError("Say why: the reason is kept with the receipt.")
    if (scope is Scope.EVERYTHING) == bool(target):
        raise EmergencyError("Name the account, strategy or instrument (its conId); everything goes without a name.")
    if scope is Scope.INSTRUMENT and not (target.isascii() and target.isdecimal() and len(target) < 19):
        raise EmergencyError(f"An instrument is named by its conId, a number: {target[:40]!r} is none.")
    if target != storable(target):
        raise EmergencyError(f"No account or strategy has such a name: {storable(target)[:40]!r}.")
    return (user.get_username() if user is not None else storable(actor) or "somebody"), reason


def _require_confirmation(account: Account, confirmation: str) -> None:
    is_live = account.mode == TradingMode.LIVE or not settings.BROKER.paper_trading
    if is_live and confirmation != close_all_words(account.code):
        raise EmergencyError(
            f"{account.code} is a live account: confirm with the words {close_all_words(account.code)}."
        )


def _require_way_out(account: Account, scope: Scope, target: str) -> None:
    con_id = int(target) if scope is Scope.INSTRUMENT else None
    found = gate.look(account=account.code, con_id=con_id)
    if not found.admits(OrderPurpose.FLATTEN):
        raise EmergencyError(
            f"Nothing may be sent, not even to close: {'; '.join(found.reasons)}. "
            "Resume to halted first (manage.py resume --to halted), or close in TWS."
        )


def _ask(press: Press, *, with_file: bool = False) -> Asked:
    run_id, notes = uuid4(), list[str]()
    if with_file:
        notes += _write_file(press, run_id)
    try:
        run = _write_rows(press, run_id)
    except (OperationalError, InterfaceError) as error:
        if press.source is not StopSource.MANUAL and connection.is_usable():
            # A program's round is repeated; the file would be a person's stop, that no clock ends.
            raise
        if press.came_by == DRILL:
            raise EmergencyError(f"The database does not take the press: {error}") from error
        return _without_database(press, run_id, error, notes)
    if with_file:
        notes += _keep_file(press, run_id)
    if not covers(run, press):
        closing, wanted = f"{run.scope} {run.target}".strip(), f"{press.scope.label} {press.target}".strip()
        raise EmergencyError(
            f"Only {closing} is being closed, as {run.actor} has asked. {wanted} is halted but NOT closed: "
            "press again when that has ended."
        )
    if press.kind is EmergencyKind.HALT:
        notes += stricter(press)
    if press.kind is EmergencyKind.CANCEL_ALL:
        notes.append("Positions stay as they are, now without the orders that protected them; trading goes on.")
    view = broker_selectors.session()
    if not view.running:
        notes.append("The gateway does not run: nothing is cancelled yet. Start it, and cancel in TWS meanwhile.")
    elif press.kind is EmergencyKind.CLOSE_ALL and not view.admits(OrderPurpose.FLATTEN):
        notes.append(f"The session is {view.state.label.lower()}: {view.reason} Closing orders wait until it is not.")
    return Asked(run.pk, run, tuple(notes))


def _write_rows(press: Press, run_id: UUID) -> EmergencyRun:
    """A deadlock, a lock that is held too long, a statement cut short: none of them means that the database is away."""
    for _ in range(ATTEMPTS - 1):
        try:
            return write_rows(press, run_id)
        except OperationalError:
            if not connection.is_usable():
                raise
    return write_rows(press, run_id)


def _keep_file(press: Press, run_id: UUID) -> list[str]:
    """A resume may have taken the file away between this press's file and its rows. One that came after may, too."""
    try:
        with transaction.atomic():
            gate.lock_alone()
            rows = TradingState.objects.filter(scope=press.scope, target=press.target, source=press.source)
            stands = rows.exclude(permission=TradingPermission.ACTIVE).exists()
            return _write_file(press, run_id) if stands and emergency_flag.read() is None else []
    except (OperationalError, InterfaceError):
        return []


def _write_file(press: Press, run_id: UUID) -> list[str]:
    flag = Flag(press.scope, press.target, press.permission, press.reason[:500], press.actor, run_id)
    if press.kind is not EmergencyKind.HALT:
        # Its receipt is another one: the file only keeps trading stopped.
        flag = Flag(flag.scope, flag.target, flag.permission, flag.reason, flag.actor)
    try:
        emergency_flag.write(flag)
    except OSError as error:
        return [f"The halt file could not be written: {error}. The stop is kept by the database alone."]
    return []


def _without_database(press: Press, run_id: UUID, error: Exception, notes: list[str]) -> Asked:
    """The file is all that is left: it stops at least as much as was asked for."""
    cancels_all = press.kind is not EmergencyKind.HALT
    permission = TradingPermission.KILLED if cancels_all else press.permission
    flag = Flag(press.scope, press.target, permission, press.reason[:500], press.actor, run_id)
    cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    try:
        written = emergency_flag.write(flag)
    except OSError as failed:
        raise EmergencyError(
            f"Neither the database ({cause}) nor the halt file ({failed}) can be written: "
            "stop the gateway and cancel in TWS now."
        ) from error
    notes = [
        *notes,
        f"The database is away ({cause}). {written}: the gateway of this machine obeys it within a second.",
    ]
    if cancels_all:
        notes.append("Until the database is back trading is killed: all orders are cancelled, nothing is sent.")
    if press.kind is EmergencyKind.CLOSE_ALL:
        notes.append("Positions are NOT closed: close them in TWS, or resume to halted and press again later.")
    return Asked(run_id, None, tuple(notes))
