"""How late scheduled runs begin: TradeOps against django-q2 at its default settings.

Both run at the same time on one PostgreSQL, with the same random due times spread over some minutes.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

from benchmarks._jobs.contenders import contenders

FIRST_SECONDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--due", type=int, default=12, help="how many due times")
    parser.add_argument("--minutes", type=float, default=1, help="over how long they are spread")
    options = parser.parse_args()
    chance = random.Random(7)
    with contenders("usual", "product") as (usual, product), usual.working(), product.working():
        usual.do("backlog", 5)
        product.do("backlog", 5)
        begin = time.time() + FIRST_SECONDS
        due = sorted(begin + chance.random() * 60 * options.minutes for _ in range(options.due))
        usual.begin("lateness", due)
        ours = product.do("lateness", due)
        theirs = usual.answer()
    print(f"{options.due} random due times over {options.minutes:g} minutes")
    worst = show("django-q2, default settings", theirs), show("TradeOps", ours)
    print(f"  P4 max 1/{worst[0] / worst[1]:.0f} (target <= 1/300)")


def show(name: str, late: list[float]) -> float:
    print(f"  {name:<30} p50 {statistics.median(late):9.4f}  max {max(late):9.4f} s late")
    return max(late)


if __name__ == "__main__":
    main()
