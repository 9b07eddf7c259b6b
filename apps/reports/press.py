"""Setting a document in a process of its own: whatever its texts hold, the caller stays whole."""

from __future__ import annotations

import logging
import subprocess
import sys

from django.conf import settings

from apps.reports.document.blocks import Document, to_json
from apps.reports.exceptions import RenderingFailed

logger = logging.getLogger(__name__)

MOST_SECONDS = 90
MODULE = "apps.reports.rendering"
ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONUTF8": "1"}


def render(document: Document) -> bytes:
    """The document as PDF. Raises RenderingFailed. The child gets no environment, so none of the secrets in ours."""
    command = [sys.executable, "-m", MODULE]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no input in the command
            command,
            input=to_json(document).encode(),
            capture_output=True,
            cwd=settings.BASE_DIR,
            env=ENVIRONMENT,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RenderingFailed(f"The PDF was not ready within {MOST_SECONDS} s: report on a shorter period.") from error
    if done.returncode or not done.stdout.startswith(b"%PDF-"):
        words = done.stderr.decode(errors="replace").strip()
        logger.error("%s ended with %s: %s", MODULE, done.returncode, words[-2000:])
        last = words.splitlines()[-1][:300] if words else f"exit code {done.returncode}"
        raise RenderingFailed(f"The PDF could not be made ({last}). The log has the details.")
    return done.stdout
