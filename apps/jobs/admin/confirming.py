"""One page that asks before something is done, and why: the answer goes to the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from apps.jobs import registry
from apps.jobs.exceptions import JobsError
from apps.jobs.models import JobRun, JobSchedule
from tradeops.lib.admin import ModelAdmin

TEMPLATE = "admin/jobs/confirm.html"
CONFIRMED = "confirmed"
# So that a form holds them all.
MOST_AT_ONCE = 500


Row = TypeVar("Row", JobRun, JobSchedule)


@dataclass(frozen=True, slots=True)
class Question:
    """`items` are what it is about, `fields` what the form must send along."""

    title: str
    sentences: Sequence[str]
    button: str
    back: str
    is_dangerous: bool = False
    needs_reason: bool = False
    items: Sequence[str] = ()
    fields: Sequence[tuple[str, Any]] = field(default=())


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Why",
        help_text="Kept in the journal with your name.",
        error_messages={"required": "Say why in a few words."},
    )

    def __init__(self, *args: Any, needs_reason: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needs_reason
        if not needs_reason:
            self.fields["reason"].label = "Why (optional)"


def confirm(
    admin: ModelAdmin, request: HttpRequest, question: Question, act: Callable[[str], tuple[str, str]]
) -> HttpResponse:
    """Ask; once confirmed, `act(reason)` does it and tells in words what it did and where to go on."""
    sent = request.method == "POST" and CONFIRMED in request.POST
    form = ReasonForm(request.POST if sent else None, needs_reason=question.needs_reason)
    if sent and form.is_valid():
        try:
            message, address = act(form.cleaned_data["reason"])
        except JobsError as error:
            admin.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(question.back)
        admin.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(address)
    context = {"title": question.title, "question": question, "form": form, "opts": admin.opts}
    return TemplateResponse(request, TEMPLATE, {**admin.admin_site.each_context(request), **context})


def confirm_many(
    admin: ModelAdmin,
    request: HttpRequest,
    rows: QuerySet[Row],
    act: Callable[[Row, str], object],
    *,
    action: str,
    title: str,
    button: str,
    sentences: Sequence[str],
    is_dangerous: bool = False,
    describe: Callable[[Row], str] = str,
) -> HttpResponse:
    """Ask once for all the rows chosen in a list, then `act(row, reason)` on each and tell how many were done.

    A row whose job the user may not act on, and one of which `act` raises JobsError, is left as it is and told.
    `is_dangerous` asks for a reason.
    """
    chosen: list[Row] = list(rows[:MOST_AT_ONCE])
    question = Question(
        title=title,
        sentences=sentences,
        button=button,
        back=request.get_full_path(),
        is_dangerous=is_dangerous,
        needs_reason=is_dangerous,
        items=[describe(row) for row in chosen],
        fields=(("action", action), *((ACTION_CHECKBOX_NAME, row.pk) for row in chosen)),
    )

    def act_on_all(reason: str) -> tuple[str, str]:
        done = sum(_is_done(admin, request, row, lambda row: act(row, reason)) for row in chosen)
        return f"{done} done, {len(chosen) - done} left as they are.", question.back

    return confirm(admin, request, question, act_on_all)


def _is_done(admin: ModelAdmin, request: HttpRequest, row: Row, act: Callable[[Row], object]) -> bool:
    try:
        require_right(request, row.job)
        act(row)
    except (JobsError, PermissionDenied) as error:
        admin.message_user(request, str(error) or f"You may not act on {row.job}.", messages.WARNING)
        return False
    return True


def may_act(request: HttpRequest, job: str = "") -> bool:
    """Every action needs the same permission; where a job has one of its own, that too."""
    user = request.user
    own = registry.find(job).permission if job and registry.is_known(job) else registry.RUN_PERMISSION
    return isinstance(user, AbstractUser) and user.has_perms([registry.RUN_PERMISSION, own])


def require_right(request: HttpRequest, job: str = "") -> str:
    """Who acts. Raises PermissionDenied."""
    if not may_act(request, job):
        raise PermissionDenied
    return request.user.get_username()
