from __future__ import annotations

from apps.jobs.domain.liveness import PATIENCE_SECONDS, START_PATIENCE_SECONDS, UNACKNOWLEDGED_LIMIT, CanaryWatch


def test_silence_of_a_free_worker_is_a_wedge() -> None:
    watch = CanaryWatch(since=0)
    watch.hears_canary(10)
    assert watch.verdict(10 + PATIENCE_SECONDS) is None
    assert watch.verdict(10.1 + PATIENCE_SECONDS) == "a free worker has not answered for 15 s"


def test_start_is_given_more_time() -> None:
    watch = CanaryWatch(since=0)
    assert watch.verdict(START_PATIENCE_SECONDS) is None
    assert watch.verdict(START_PATIENCE_SECONDS + 1)


def test_silence_while_every_worker_is_busy_proves_nothing() -> None:
    watch = CanaryWatch(since=0)
    watch.hears_canary(0)
    for second in range(240):
        watch.sees_no_free_worker(second)
        assert watch.verdict(second + 0.5) is None
    assert watch.verdict(239 + PATIENCE_SECONDS) is None
    assert watch.verdict(240 + PATIENCE_SECONDS)


def test_tasks_that_are_never_acknowledged_are_a_wedge() -> None:
    watch = CanaryWatch(since=0)
    watch.hears_canary(1)
    watch.unacknowledged = UNACKNOWLEDGED_LIMIT + 1
    assert watch.verdict(1.5) == "7 finished tasks are not acknowledged"
    watch.starts(2)
    assert watch.verdict(2.5) is None
