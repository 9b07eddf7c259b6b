"""A backlog of 2,000 runs drained: TradeOps against django-q2 at its default settings, and against procrastinate.

All three on one PostgreSQL with durable commits, each with a database of its own, its worker idle before the backlog is
committed at once. A run counts when its result is recorded and its queue row is gone. TradeOps counts attempts, keeps
leases and journals the start and end of each run, as always. Its backlog is 50 jobs with 40 runs each, because runs of
one job never overlap; that of a single job is shown beside it.
"""

from __future__ import annotations

import argparse
import statistics

from benchmarks._jobs.contenders import contenders

RUNS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    rounds = parser.parse_args().rounds
    names = ("usual", "procrastinated", "product")
    rates: dict[str, list[float]] = {name: [] for name in (*names, "single")}
    with contenders(*names) as queues:
        for _ in range(rounds):
            for name, queue in zip(names, queues, strict=True):
                with queue.working():
                    queue.do("backlog", 40)
                    rates[name].append(RUNS / queue.do("backlog", RUNS))
                    if name == "product":
                        rates["single"].append(RUNS / queue.do("backlog_of_one_job", RUNS))
    print(f"{RUNS:,} runs, {rounds} alternating rounds, medians")
    usual = show("django-q2, default settings, ORM broker", rates["usual"])
    other = show("procrastinate, default worker", rates["procrastinated"])
    ours = show("TradeOps, 50 jobs", rates["product"])
    single = show("TradeOps, a single job", rates["single"])
    print(f"  P1 {ours / usual:.1f}x django-q2 (target >= 30x); of a single job {single / usual:.1f}x")
    print(f"  P2 {ours / other:.1f}x procrastinate (target >= 8x); of a single job {single / other:.1f}x")


def show(name: str, rates: list[float]) -> float:
    middle = statistics.median(rates)
    print(f"  {name:<42}{middle:8,.0f} runs/s   ({min(rates):,.0f} to {max(rates):,.0f})")
    return middle


if __name__ == "__main__":
    main()
