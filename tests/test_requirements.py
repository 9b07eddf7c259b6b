"""docs/requirements.md says in words what each requirement that a test proves means."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def marked_numbers() -> set[int]:
    marks = (re.findall(r"mark\.mission\(([\d, ]+)\)", path.read_text()) for path in (ROOT / "tests").rglob("*.py"))
    return {int(number) for found in marks for group in found for number in group.split(",")}


def documented_numbers() -> set[int]:
    return {int(n) for n in re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "requirements.md").read_text(), re.MULTILINE)}


def test_every_marked_requirement_is_explained() -> None:
    assert marked_numbers() - documented_numbers() == set()


def test_every_explained_requirement_is_tested() -> None:
    assert documented_numbers() - marked_numbers() == set()
