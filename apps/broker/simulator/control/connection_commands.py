"""Commands that disturb the connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from ..protocol.messages import Answer, Request
from ..protocol.system import NO_REQUEST
from .registry import CommandError, Result, command, integer, number, switch

if TYPE_CHECKING:
    from ..server import Gateway
    from ..sessions.session import Session


@command("restart SECONDS [keep-ids]", "close all connections, refuse for SECONDS; order ids start again unless kept")
def restart(gateway: Gateway, words: Sequence[str]) -> Result:
    if words[1:] not in ([], ["keep-ids"]):
        raise CommandError("usage: restart SECONDS [keep-ids]")
    gateway.restart(number(words[0]), keep_ids=len(words) == 2)
    return {}


@command("restart-at HH:MM SECONDS", "restart once when the simulated clock reaches HH:MM UTC, order ids start again")
def restart_at(gateway: Gateway, words: Sequence[str]) -> Result:
    try:
        wanted = time.fromisoformat(words[0])
    except ValueError:
        raise CommandError(f"{words[0]!r} is not a time of day, as in 04:45") from None
    now = gateway.market.now()
    at = datetime.combine(now.date(), wanted, tzinfo=now.tzinfo)
    at += timedelta(days=1) if at <= now else timedelta(0)
    gateway.schedule_restart(at, number(words[1]))
    return {"at": at.isoformat()}


@command("drop CLIENT [rst]", "close the connection of a client id, or of `all`; rst: with a TCP reset")
def drop(gateway: Gateway, words: Sequence[str]) -> Result:
    chosen = list(gateway.sessions.values()) if words[0] == "all" else [_session(gateway, words[0])]
    for session in chosen:
        if words[1:] == ["rst"]:
            session.reset()
        else:
            session.close()
        gateway.forget(session)
    return {"dropped": len(chosen)}


def _session(gateway: Gateway, word: str) -> Session:
    session = gateway.sessions.get(integer(word))
    if session is None:
        raise CommandError(f"client {word} is not connected; `status` lists who is")
    return session


@command("blackhole on|off", "half-open links: nothing is read or sent, nothing is closed")
def blackhole(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.set_blackhole(switch(words[0]))
    return {}


@command("refuse SECONDS", "refuse new connections, keep the present ones")
def refuse(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.refuse(number(words[0]))
    return {}


@command("accept-close on|off", "accept new connections and close them at once")
def accept_close(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.accept_close = switch(words[0])
    return {}


@command("delay MILLISECONDS", "add latency to everything that is sent")
def delay(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.delay = number(words[0]) / 1000
    return {}


@command("pacing N|off [reject|pace]", "messages a second per client, and whether the excess is refused or delayed")
def pacing(gateway: Gateway, words: Sequence[str]) -> Result:
    mode = words[1] if len(words) == 2 else "reject"
    if mode not in ("reject", "pace"):
        raise CommandError("usage: pacing N|off [reject|pace]")
    gateway.pacing.messages_per_second = 0 if words[0] == "off" else integer(words[0], least=1)
    gateway.pacing.delays = mode == "pace"
    return {}


@command("hist-pacing on|off", "enforce the limits on history requests; on also forgets what was asked before")
def history_pacing(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.history_pacing.enabled = switch(words[0])
    gateway.history_pacing.reset()
    return {}


@command("error CODE [TEXT...]", "send an error or notice without a request id to all clients")
def error(gateway: Gateway, words: Sequence[str]) -> Result:
    code, text = integer(words[0]), " ".join(words[1:]) or "Error ordered through the control port"
    for session in gateway.sessions.values():
        session.error(NO_REQUEST, code, text)
    return {"clients": len(gateway.sessions)}


@command("fail TYPE CODE N", "answer the next N requests of a type (reqContractDetails, placeOrder, ...) with an error")
def fail(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.fail(_request(words[0]), integer(words[1]), integer(words[2]))
    return {}


@command("mute TYPE N", "never answer the next N requests of a type")
def mute(gateway: Gateway, words: Sequence[str]) -> Result:
    gateway.faults.mutes[_request(words[0])] = integer(words[1])
    return {}


@command("garble ANSWER N", "send the next N messages of a kind (POSITION, OPEN_ORDER, ...) so that none can read them")
def garble(gateway: Gateway, words: Sequence[str]) -> Result:
    try:
        answer = Answer[words[0].upper()]
    except KeyError:
        raise CommandError(f"there is no message named {words[0]}; use a name like POSITION or OPEN_ORDER") from None
    gateway.faults.garbles[answer] = integer(words[1])
    return {}


def _request(name: str) -> Request:
    try:
        return Request.named(name)
    except ValueError as problem:
        raise CommandError(str(problem)) from None
