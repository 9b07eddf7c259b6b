"""Incidents: what is wrong now, what was, and what people did about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.journal import selectors, services
from apps.journal.admin.words import DELIVERY_TONES, SEVERITY_TONES, severity_pill, state_of, state_tone
from apps.journal.exceptions import JournalError
from apps.journal.forms import HandleForm, IncidentForm
from apps.journal.models import Incident
from tradeops.lib import clock
from tradeops.lib.admin import ReadOnlyAdmin

HANDLE = "journal.handle_incident"
SHOWN_DELIVERIES = 100


class EpisodeFilter(admin.SimpleListFilter):
    title = "episode"
    parameter_name = "episode"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("unacknowledged", "Open, nobody on it"), ("over", "Resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        if self.value() == "over":
            return queryset.filter(resolved_at__isnull=False)
        if self.value() == "unacknowledged":
            return queryset.filter(resolved_at=None, acknowledged_at=None)
        return queryset.filter(resolved_at=None) if self.value() == "open" else queryset


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    change_list_template = "admin/journal/incident_list.html"
    action_form = HandleForm
    list_display = ("severity_word", "title", "state", "count", "opened_at")
    list_display_links = ("title",)
    list_filter = (EpisodeFilter, "severity", "scope")
    search_fields = ("key", "title", "detail", "resolution")
    list_per_page = 50
    actions = ("acknowledge", "snooze_one_hour", "resolve")

    @admin.display(description="Severity", ordering="severity")
    def severity_word(self, incident: Incident) -> SafeString:
        return severity_pill(incident)

    @admin.display(description="State", ordering="acknowledged_at")
    def state(self, incident: Incident) -> str:
        return state_of(incident, now=clock.now())

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, AbstractUser) and request.user.has_perm(HANDLE)

    def get_urls(self) -> list[URLPattern]:
        handle = self.admin_site.admin_view(require_POST(self.handle))
        return [path("<int:pk>/handle/", handle, name="journal_incident_handle"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"title": "Incidents", "any_incident": Incident.objects.exists()}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The incident with everything that happened to it, and what can be done."""
        incident = self.get_object(request, object_id)
        if incident is None:
            raise Http404(f"There is no incident {object_id}.")
        return self._page(request, incident, IncidentForm())

    def handle(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_handle_permission(request):
            raise PermissionDenied
        incident = get_object_or_404(Incident, pk=pk)
        form = IncidentForm(request.POST)
        if not form.is_valid():
            return self._page(request, incident, form)
        decide(request, self, [incident], **form.cleaned_data)
        return HttpResponseRedirect(reverse("admin:journal_incident_change", args=[pk]))

    def _page(self, request: HttpRequest, incident: Incident, form: IncidentForm) -> HttpResponse:
        if not self.has_view_permission(request, incident):
            raise PermissionDenied
        now = clock.now()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": incident.title,
            "incident": incident,
            "state": state_of(incident, now=now),
            "state_tone": state_tone(incident, now=now),
            "tone": SEVERITY_TONES[incident.severity],
            "timeline": selectors.timeline(incident),
            "deliveries": [
                (delivery, DELIVERY_TONES[delivery.state]) for delivery in incident.deliveries.all()[:SHOWN_DELIVERIES]
            ],
            "may_handle": self.has_handle_permission(request) and incident.is_open,
            "form": form,
        }
        return TemplateResponse(request, "admin/journal/incident.html", context)

    @admin.action(description="Acknowledge", permissions=["handle"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        decide(request, self, queryset, decision="acknowledge", reason=reason_of(request))

    @admin.action(description="Snooze for 1 hour", permissions=["handle"])
    def snooze_one_hour(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        decide(request, self, queryset, decision="snooze", hours=1, reason=reason_of(request))

    @admin.action(description="Resolve (say why)", permissions=["handle"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        reason = reason_of(request)
        if not reason:
            self.message_user(request, "Say why they are over: enter a reason beside the action.", messages.ERROR)
            return
        decide(request, self, queryset, decision="resolve", reason=reason)


def reason_of(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[: HandleForm.base_fields["reason"].max_length]  # type: ignore[attr-defined]


def decide(
    request: HttpRequest,
    page: IncidentAdmin,
    incidents: QuerySet[Incident] | list[Incident],
    *,
    decision: str,
    reason: str,
    hours: str | int = 1,
) -> None:
    """Carry a decision out on each incident, and say how many it changed."""
    actor, now = request.user.get_username(), clock.now()
    until = (now + timedelta(hours=int(hours))).replace(second=0, microsecond=0)
    carry_out: dict[str, Callable[[int], bool]] = {
        "acknowledge": lambda pk: services.acknowledge(incident_id=pk, actor=actor, reason=reason, now=now),
        "snooze": lambda pk: services.snooze(incident_id=pk, until=until, actor=actor, reason=reason, now=now),
        "resolve": lambda pk: services.close_incident(incident_id=pk, actor=actor, reason=reason, now=now),
    }
    changed = 0
    for incident in incidents:
        try:
            changed += carry_out[decision](incident.pk)
        except JournalError as error:
            page.message_user(request, str(error), messages.WARNING)
    word = {"acknowledge": "acknowledged", "snooze": f"snoozed until {until:%H:%M} UTC", "resolve": "resolved"}[
        decision
    ]
    page.message_user(request, f"{changed} {word}." if changed else "Nothing to change: that was so already.")
