"""pybreaker over a row that its user holds locked: the state machine is the library's, the memory the database's."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pybreaker

from apps.risk.choices import BreakerState

# So long the probe of a half-open breaker may take before another one is admitted.
PROBE_PATIENCE = timedelta(seconds=60)


@dataclass(slots=True)
class Circuit:
    """The values of one breaker, to be read from its row and written back."""

    name: str
    state: BreakerState
    failures: int
    opened_at: datetime | None
    probe_until: datetime | None
    failure_threshold: int
    recovery_seconds: int


class CallFailed(Exception):
    pass


class CircuitStorage(pybreaker.CircuitBreakerStorage):
    """Counts in the circuit; `now` stands in for the library's own clock."""

    def __init__(self, circuit: Circuit, now: datetime) -> None:
        super().__init__(circuit.name)
        self._circuit = circuit
        self._now = now
        self._successes = 0

    @property
    def state(self) -> str:
        return self._circuit.state.value

    @state.setter
    def state(self, state: str) -> None:
        self._circuit.state = BreakerState(state)

    def increment_counter(self) -> None:
        self._circuit.failures += 1

    def reset_counter(self) -> None:
        self._circuit.failures = 0

    def increment_success_counter(self) -> None:
        self._successes += 1

    def reset_success_counter(self) -> None:
        self._successes = 0

    @property
    def counter(self) -> int:
        return self._circuit.failures

    @property
    def success_counter(self) -> int:
        return self._successes

    @property
    def opened_at(self) -> datetime | None:
        return self._circuit.opened_at

    @opened_at.setter
    def opened_at(self, datetime: datetime) -> None:
        self._circuit.opened_at = self._now


def admits_at(circuit: Circuit) -> datetime | None:
    """When an open circuit lets its probe through; None while it is not open."""
    if circuit.state is not BreakerState.OPEN or circuit.opened_at is None:
        return None
    return circuit.opened_at + timedelta(seconds=circuit.recovery_seconds)


def admit(circuit: Circuit, now: datetime) -> bool:
    """May a call be made now? Whoever is admitted by an open or half-open circuit is its probe, and the only one."""
    match circuit.state:
        case BreakerState.CLOSED:
            return True
        case BreakerState.OPEN:
            if now < (admits_at(circuit) or now):
                return False
            _breaker(circuit, now).half_open()
        case BreakerState.HALF_OPEN:
            if circuit.probe_until is not None and now < circuit.probe_until:
                return False
    circuit.probe_until = now + PROBE_PATIENCE
    return True


def note(circuit: Circuit, problem: str, now: datetime) -> None:
    """Count how a call ended. While the circuit is open, calls that began before say nothing new."""
    if circuit.state is BreakerState.OPEN:
        return
    breaker = _breaker(circuit, now)
    # What it raises is counted; the caller has its own way to hear of it.
    with suppress(CallFailed, pybreaker.CircuitBreakerError):
        breaker.call(_end, problem)
    circuit.probe_until = None


def reset(circuit: Circuit, now: datetime) -> None:
    """As if nothing had ever failed."""
    _breaker(circuit, now).close()
    circuit.failures, circuit.probe_until, circuit.opened_at = 0, None, None


def _end(problem: str) -> None:
    if problem:
        raise CallFailed(problem)


def _breaker(circuit: Circuit, now: datetime) -> pybreaker.CircuitBreaker:
    return pybreaker.CircuitBreaker(
        fail_max=circuit.failure_threshold,
        reset_timeout=circuit.recovery_seconds,
        state_storage=CircuitStorage(circuit, now),
        name=circuit.name,
    )
