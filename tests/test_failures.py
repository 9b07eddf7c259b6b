"""What docs/failures.md promises is tested where it says so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_every_test_that_the_table_of_failures_names_exists() -> None:
    rows = [line for line in (ROOT.parent / "docs/failures.md").read_text().splitlines() if line.startswith("| ")]
    for row in rows:
        if row.startswith("| What happens"):
            continue
        found = NAMED.findall(row)
        assert found, f"no test is named: {row}"
        for file, name in found:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{name}"
