"""`manage.py` commands within the test's process: as in a shell, without starting Python for each."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stderr, redirect_stdout

from django.core.management import ManagementUtility

from manage import with_underscores


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    line = with_underscores(["manage.py", *arguments])
    with redirect_stdout(out), redirect_stderr(err):
        try:
            ManagementUtility(line).fetch_command(line[1]).run_from_argv(line)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue())
