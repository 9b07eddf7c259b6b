"""Run the benchmarks one after the other and write what they print to benchmarks/RESULTS.md.

python -m benchmarks            all
python -m benchmarks health     only those named; the page keeps what it says of the others
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
HEADER = """# Benchmark results

Each benchmark runs the product and the named alternative in the same run on the same machine: trust the ratios, not the
absolute figures. `make bench` makes this page; `python -m benchmarks.NAME --help` explains one.
"""


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def run(name: str) -> str:
    print(f"== {name}", flush=True)
    result = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent, stdout=subprocess.PIPE, text=True, check=False
    )
    print(result.stdout, flush=True)
    if result.returncode != 0:
        sys.exit(f"{name} failed with exit code {result.returncode}")
    return result.stdout.strip()


def section(name: str, output: str) -> str:
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"\n## {name}\n\nMade {datetime.now(UTC):%Y-%m-%d} on {machine}.\n\n```text\n{output}\n```\n"


def kept_sections() -> dict[str, str]:
    _, *found = RESULTS.read_text().split("\n## ")
    return {text.partition("\n")[0]: f"\n## {text}" for text in found}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*names(), []], help="which to run (all)")
    chosen = parser.parse_args().names or names()
    sections = {} if chosen == names() else kept_sections()
    for name in chosen:
        sections[name] = section(name, run(name))
        RESULTS.write_text("".join([HEADER, *(sections[known] for known in names() if known in sections)]))


if __name__ == "__main__":
    main()
