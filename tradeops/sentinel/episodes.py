"""From what is wrong now to what must be told: patience, what is told already, what is over. Pure; times in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.console.health.findings import Finding
from apps.journal.choices import RANKS, Severity

# An open incident hears this often that it still lasts.
SEE_AGAIN_SECONDS = 60.0
# What is well again for this long is over; shorter, it flickers.
SETTLE_SECONDS = 4.0
# The platform comes up: what belongs to it is given time to appear.
PROCESSES = frozenset({"gateway", "worker", "queue", "web", "broker-session", "broker-weekly-login"})


@dataclass(slots=True)
class Episode:
    finding: Finding
    since: float
    missing_since: float | None = None
    told_at: float | None = None
    told_severity: str = Severity.INFO


@dataclass(slots=True)
class Episodes:
    """`quiet_until`: until then nothing is said of the platform's own processes."""

    quiet_until: float
    _episodes: dict[str, Episode] = field(default_factory=dict)

    def observe(self, findings: Iterable[Finding], now: float) -> None:
        """Only looks count: however long the sentinel itself was kept waiting, that ends nothing."""
        found = {finding.key: finding for finding in findings}
        for key, episode in list(self._episodes.items()):
            if key in found:
                episode.missing_since = None
            elif episode.missing_since is None:
                episode.missing_since = now
            elif now - episode.missing_since >= SETTLE_SECONDS:
                del self._episodes[key]
        for key, finding in found.items():
            self._episodes.setdefault(key, Episode(finding, since=now)).finding = finding

    def to_tell(self, now: float) -> list[Finding]:
        """What is new, became worse, or was last told of a minute ago. Whoever tells it says so with `told`."""
        return [episode.finding for episode in self._episodes.values() if self._is_due(episode, now)]

    def told(self, finding: Finding, now: float) -> None:
        episode = self._episodes[finding.key]
        episode.told_at, episode.told_severity = now, finding.severity

    def is_new(self, finding: Finding) -> bool:
        """Has nobody been told of it in this episode, as far as this process knows?"""
        return self._episodes[finding.key].told_at is None

    def over(self, open_keys: Iterable[str]) -> list[str]:
        """Those of the open incidents whose cause is gone, also if another process opened them."""
        return [key for key in open_keys if key not in self._episodes]

    def _is_due(self, episode: Episode, now: float) -> bool:
        finding = episode.finding
        if finding.severity == Severity.INFO or episode.missing_since is not None:
            return False
        if finding.topic in PROCESSES and now < self.quiet_until:
            return False
        if episode.told_at is None:
            return now - episode.since >= finding.patience
        worse = RANKS[finding.severity] > RANKS[episode.told_severity]
        return worse or now - episode.told_at >= SEE_AGAIN_SECONDS
