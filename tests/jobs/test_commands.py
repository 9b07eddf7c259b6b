"""`manage.py run_job` and `manage.py jobs`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.jobs import services
from apps.jobs.models import JobRun, WorkerHeartbeat
from tests.jobs.conftest import Workers
from tradeops.lib import clock


@pytest.mark.mission(30)
def test_run_job_waits_and_prints_the_result(workers: Workers) -> None:
    workers.start()
    done = workers.manage("run_job", "quick")
    assert done.returncode == 0, done.stderr
    assert "sample_quick, run" in done.stdout and "'attempt': 1" in done.stdout
    as_json = json.loads(workers.manage("run_job", "sample_quick", "--json").stdout)
    assert (as_json["state"], as_json["result"]) == ("succeeded", {"attempt": 1})


@pytest.mark.mission(30)
def test_run_job_goes_through_all_attempts_and_fails_with_the_reason(workers: Workers) -> None:
    workers.start()
    failed = workers.manage("run_job", "sample_failing")
    assert failed.returncode == 1
    assert "sample_failing failed: the broker is away: start it" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert JobRun.objects.get().attempt == 3


@pytest.mark.mission(30)
def test_unknown_job_lists_the_choices(db: None, sample_jobs: None) -> None:
    with pytest.raises(CommandError, match="There is no job 'nonsense'. Choose one of: .*sample_quick / quick"):
        call_command("run_job", "nonsense")


def test_run_job_without_a_worker_says_what_to_do_and_queues_nothing(db: None, sample_jobs: None) -> None:
    with pytest.raises(CommandError, match="no worker is running. Start the platform with `manage.py up`"):
        call_command("run_job", "quick")
    assert not JobRun.objects.exists()


def test_run_job_with_a_stale_worker_says_so(db: None, sample_jobs: None) -> None:
    services.register_worker(name="w", host="h", pid=1, workers=2, now=clock.now())
    WorkerHeartbeat.objects.update(heartbeat_at="2026-01-01T00:00Z")
    with pytest.raises(CommandError, match="the worker's heartbeat is stale"):
        call_command("run_job", "quick")


def test_no_wait_only_queues(workers: Workers) -> None:
    workers.start()
    queued = workers.manage("run_job", "sample_slow", "--no-wait", "--json")
    assert (queued.returncode, json.loads(queued.stdout)["state"]) == (0, "queued")
    workers.let_slow_jobs_end()


def test_jobs_lists_every_job_with_its_schedule_and_state(db: None, sample_jobs: None) -> None:
    output = StringIO()
    call_command("jobs", stdout=output)
    text = output.getvalue()
    assert "job_cleanup" in text and "17 3 * * * UTC" in text and "Never ran" in text
    assert "No job will run: no worker is running." in text


def test_jobs_as_json(db: None, sample_jobs: None) -> None:
    output = StringIO()
    call_command("jobs", json=True, stdout=output)
    listed = {job["name"]: job for job in json.loads(output.getvalue())}
    assert listed["job_cleanup"]["cron"] == "17 3 * * *"
    assert {"last_start", "last_end", "last_success", "status"} <= set(listed["sample_quick"])


@pytest.mark.parametrize("command", ["worker", "run_job", "jobs", "schedule", "jobcluster"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")
    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 200


def test_every_command_is_tested() -> None:
    commands = {path.stem for path in Path("apps/jobs/management/commands").glob("[a-z]*.py")}
    assert commands == {"worker", "run_job", "jobs", "schedule", "jobcluster"}
