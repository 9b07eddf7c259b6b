"""Jobs and their runs for machines: what there is, how it went, run one now."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.console.api.documents import ERRORS, answers, whole_number
from apps.console.api.job_serializers import (
    JobSerializer,
    JobsSerializer,
    RunRequestSerializer,
    RunSerializer,
    RunsSerializer,
)
from apps.console.api.parameters import BadParameter, read_integer
from apps.console.api.serializers import ErrorSerializer
from apps.console.selectors.bounded import bounded_read
from apps.console.selectors.jobs import iso, job_row, pause_row
from apps.jobs import overview, registry
from apps.jobs import selectors as jobs
from apps.jobs.choices import RunState
from apps.jobs.exceptions import ActionRefused
from apps.jobs.models import JobRun
from apps.jobs.services import actions
from tradeops.lib import clock

MOST = 200
NEWEST = 2**63 - 1


class RunJobPermission(BasePermission):
    message = "Your role does not allow running jobs: ask an administrator for the trader role."

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return bool(user and user.is_authenticated and user.has_perm(registry.RUN_PERMISSION))


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class JobsView(APIView):
    """Every job: how it stands by the clock, its last run and its next slot."""

    @extend_schema(responses=answers(JobsSerializer))
    def get(self, request: Request) -> Response:
        now = clock.now()
        with bounded_read():
            rows = [job_row(job) for job in jobs.job_overview(now=now)]
            pause = pause_row(overview.current_pause())
        shown = [{name: row[name] for name in JobSerializer().get_fields()} for row in rows]
        return Response({"pause": pause, "jobs": shown})


class RunsView(APIView):
    """Runs, newest first. `next_before` is the `before` of the next page, null on the last one."""

    @extend_schema(
        parameters=[
            OpenApiParameter("job", OpenApiTypes.STR, description="Only of this job, by name or alias"),
            OpenApiParameter("state", OpenApiTypes.STR, enum=RunState.values, description="Only in this state"),
            whole_number("limit", 50, 1, MOST),
            OpenApiParameter("before", OpenApiTypes.INT64, description="Only runs older than the run of this id"),
        ],
        responses=answers(RunsSerializer),
    )
    def get(self, request: Request) -> Response:
        limit, before = read_page(request)
        with bounded_read():
            runs = list(older_than(chosen(request), before)[: limit + 1])
        more = runs[limit - 1].pk if len(runs) > limit else None
        return Response({"runs": [run_row(run) for run in runs[:limit]], "next_before": more})


class RunJobView(APIView):
    """Queue a run of a job now; it takes its turn behind a run of the same job."""

    permission_classes = [RunJobPermission]

    @extend_schema(
        request=RunRequestSerializer,
        responses={202: RunSerializer, **ERRORS, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request, name: str) -> Response:
        wanted = RunRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if name not in registry.names():
            raise NotFound(f"There is no job {name}: GET /api/jobs/ lists them.")
        job = registry.find(name)
        if not request.user.has_perm(job.permission):
            raise PermissionDenied(f"Your role does not allow running {job.name}.")
        reason = wanted.validated_data["reason"]
        try:
            run = actions.run_now(job=job, actor=request.user.get_username(), reason=reason, now=clock.now())
        except ActionRefused as error:
            raise Conflict(str(error)) from None
        return Response(run_row(run), status=status.HTTP_202_ACCEPTED)


def read_page(request: Request) -> tuple[int, int]:
    """Limit, and the id that all runs must be below."""
    try:
        limit = read_integer(request._request, "limit", 50, low=1, high=MOST)
        return limit, read_integer(request._request, "before", NEWEST, low=1, high=NEWEST)
    except BadParameter as error:
        raise ValidationError({"detail": str(error)}) from None


def chosen(request: Request) -> QuerySet[JobRun]:
    runs = JobRun.objects.defer("log", "traceback")
    if job := request.query_params.get("job"):
        # A job of an earlier version has runs, too.
        runs = runs.filter(job=registry.names().get(job, job))
    if state := request.query_params.get("state"):
        if state not in RunState.values:
            raise ValidationError({"detail": f"state must be one of {', '.join(RunState.values)}, not {state[:40]!r}."})
        runs = runs.filter(state=state)
    return runs.order_by("-created_at", "-id")


def older_than(runs: QuerySet[JobRun], before: int) -> QuerySet[JobRun]:
    if before == NEWEST:
        return runs
    edge = JobRun.objects.filter(pk=before).values_list("created_at", flat=True).first()
    if edge is None:
        raise ValidationError({"detail": f"before must be the id of a run; there is no run {before}."})
    return runs.filter(Q(created_at__lt=edge) | Q(created_at=edge, pk__lt=before), created_at__lte=edge)


def run_row(run: JobRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "job": run.job,
        "state": run.state,
        "slot": iso(run.slot),
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "progress_done": run.progress_done,
        "progress_total": run.progress_total,
        "progress_text": run.progress_text,
        "result": run.result,
        "error": run.error,
        "started_by": run.started_by,
        "retry_of": run.retry_of_id,
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
    }
