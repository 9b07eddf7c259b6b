from datetime import timedelta

# The waits before the second, third and fourth attempt. There is no fifth.
DELAYS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
MOST_ATTEMPTS = len(DELAYS) + 1


def delay_after(attempts: int) -> timedelta | None:
    """How long to wait after this many failed attempts; None: give up."""
    return DELAYS[attempts - 1] if attempts < MOST_ATTEMPTS else None
