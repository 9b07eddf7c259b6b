"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `remedy` is empty when there is nothing to do."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Check:
    return Check(name, Verdict.OK, detail)


def warn(name: str, detail: str, remedy: str) -> Check:
    return Check(name, Verdict.WARN, detail, remedy)


def fail(name: str, detail: str, remedy: str) -> Check:
    return Check(name, Verdict.FAIL, detail, remedy)
