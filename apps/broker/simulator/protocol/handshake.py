"""The first exchange on a connection: version range in, chosen version out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .framing import FramingError

LOWEST_VERSION = 157
HIGHEST_VERSION = 178
_RANGE = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class VersionRange:
    lowest: int
    highest: int
    options: str

    @property
    def asks_for_pacing(self) -> bool:
        return "+PACEAPI" in self.options

    def choose(self) -> int | None:
        """The version to speak, or None when the client is too old to be understood.

        A client that is too new gets our highest version and drops the link by itself, as with the real gateway.
        """
        return min(HIGHEST_VERSION, self.highest) if self.highest >= LOWEST_VERSION else None


def parse_version_range(payload: bytes) -> VersionRange:
    match = _RANGE.fullmatch(payload.rstrip(b"\0"))
    if match is None:
        raise FramingError(f"not a version range: {payload[:40]!r}")
    lowest, highest, options = match.groups()
    return VersionRange(int(lowest), int(highest or lowest), (options or b"").decode("ascii", "replace"))
