"""A job that does nothing, from the moment it is asked for to its recorded end, on an idle queue: TradeOps against
django-q2 at its default settings with its ORM broker. One at a time, with random pauses between them."""

from __future__ import annotations

import argparse
import statistics

from benchmarks._jobs.contenders import contenders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100, help="in each of two rounds")
    samples = parser.parse_args().samples
    names = ("usual", "product")
    found: dict[str, list[float]] = {name: [] for name in names}
    with contenders(*names) as queues:
        for _ in range(2):
            for name, queue in zip(names, queues, strict=True):
                with queue.working():
                    queue.do("latency", 10)
                    found[name] += queue.do("latency", samples)
    print(f"Asked for to done on an idle queue, {2 * samples} samples each in two alternating rounds")
    usual = show("django-q2, default settings, ORM broker", found["usual"])
    ours = show("TradeOps", found["product"])
    print(f"  P3 p99 1/{usual / ours:.0f} (target <= 1/30)")


def show(name: str, seconds: list[float]) -> float:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    print(f"  {name:<42} p50 {1000 * cuts[49]:7.1f}  p99 {1000 * cuts[98]:7.1f}  max {1000 * max(seconds):7.1f} ms")
    return cuts[98]


if __name__ == "__main__":
    main()
