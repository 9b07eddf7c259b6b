"""How many sockets and event streams each user has open in this process: each takes a descriptor, and these end."""

from __future__ import annotations

from collections import Counter

from apps.console import access
from apps.console.access import Credential

# More than anybody watches with, and a tenth of the 1,024 descriptors that a process usually has.
MOST_OPEN = 100
TOO_MANY = f"You have {MOST_OPEN} pages or streams open: close some of them first."


class Seats:
    """Asked and given in one event loop."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def are_full(self, user: str) -> bool:
        return self._taken[user] >= MOST_OPEN

    def take(self, user: str) -> bool:
        """False when this user has too many already. Who got one gives it back with `leave`."""
        if self.are_full(user):
            return False
        self._taken[user] += 1
        return True

    def leave(self, user: str) -> None:
        self._taken[user] -= 1
        if not self._taken[user]:
            del self._taken[user]


def user_of(credential: Credential) -> str:
    """Whose seat it is. Of one that was verified a moment ago; all tokens of a name and all browsers count together."""
    visitor = access.memory.recall(credential)
    return visitor.get_username() if visitor is not None else credential.key


seats = Seats()
