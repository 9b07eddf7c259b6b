"""Set one report: JSON on stdin, PDF on stdout. Runs as a process of its own, limited in memory and time, and without
the environment of its caller: `manage.py` commands, jobs and pages start it, nobody else needs to.
"""

from __future__ import annotations

import resource
import sys

MOST_MEMORY = 1024 * 1024 * 1024
MOST_SECONDS = 60


def limit_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    limit_process()
    from apps.reports.document.blocks import from_json
    from apps.reports.rendering.pages import render

    sys.stdout.buffer.write(render(from_json(sys.stdin.read())))


if __name__ == "__main__":
    main()
