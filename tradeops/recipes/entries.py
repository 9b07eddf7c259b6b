"""What a recipe runs: a schedule of TradeOps, and the command line that runs its job from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from apps.jobs import registry
from apps.jobs.exceptions import InvalidSchedule
from apps.jobs.models import JobSchedule
from tradeops.recipes.fields import Fields, read_fields


@dataclass(frozen=True, slots=True)
class Place:
    """Absolute paths of an installation. `environment_file` may be None: TradeOps reads its own `.env` anyway."""

    base_dir: Path
    python: Path
    log_dir: Path
    environment_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """`word` is short for files: the job's first alias, or its name."""

    job: str
    word: str
    title: str
    cron: str
    time_zone: str
    fields: Fields

    def command(self, place: Place, *, log: str, errors: str = "") -> list[str]:
        """Absolute paths throughout; the output ends up in `log` of the log folder, stderr in `errors` if given."""
        capture = [str(place.python), "-m", "tradeops.lib.capture", str(place.log_dir / log), "--name", self.job]
        if errors:
            capture += ["--errors", str(place.log_dir / errors)]
        if place.environment_file is not None:
            capture += ["--environment-file", str(place.environment_file)]
        return [*capture, "--", str(place.python), str(place.base_dir / "manage.py"), "run_job", self.job]


def collect(names: Iterable[str] = ()) -> tuple[list[Entry], list[str]]:
    """The schedules of the named jobs, or all that are in force; and in words those that no recipe can stand for.

    A named one may be switched off: TradeOps itself shall not run what another scheduler runs.

    Raises UnknownJob.
    """
    wanted = {registry.find(name).name for name in names}
    entries, left_out = [], []
    for schedule in JobSchedule.objects.filter(job__in=[job.name for job in registry.all_jobs()]):
        if wanted and schedule.job not in wanted:
            continue
        if not wanted and not schedule.enabled:
            left_out.append(
                f"{schedule.job}: its schedule is switched off; --job {schedule.job} writes it all the same."
            )
            continue
        try:
            entries.append(entry_of(schedule))
        except InvalidSchedule as error:
            left_out.append(f"{schedule.job}: {error}")
    return entries, left_out


def entry_of(schedule: JobSchedule) -> Entry:
    """Raises InvalidSchedule where only TradeOps itself knows when the job is due."""
    if schedule.calendar:
        raise InvalidSchedule(f"it follows the trading calendar {schedule.calendar}, which only TradeOps knows.")
    if not schedule.cron:
        raise InvalidSchedule("it runs by hand only.")
    job = registry.find(schedule.job)
    word = job.aliases[0] if job.aliases else job.name
    return Entry(job.name, word, job.title, schedule.cron, schedule.time_zone, read_fields(schedule.cron))
