"""Limits as they hold, how they came to be, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from apps.broker.choices import Scope
from apps.risk import selectors, services
from apps.risk.choices import LimitName, RevisionState
from apps.risk.domain.limits import CATALOGUE
from apps.risk.exceptions import LimitError
from apps.risk.forms import LimitForm, RestrictionForm
from apps.risk.models import LimitRevision, Restriction
from apps.risk.selectors import EffectiveLimit
from apps.risk.services import restrictions
from apps.risk.services.limits import APPROVE, CHANGE, would_loosen
from tradeops.lib import freshness
from tradeops.lib.admin import ModelAdmin
from tradeops.lib.people import person


class ByService(ModelAdmin):
    """Rows are added by a form and a service, and never edited or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(APPROVE)

    def each(self, request: HttpRequest, rows: QuerySet[Any], work: Callable[[Any, User], Any], done: str) -> None:
        """One service call for each row; what is refused says why and keeps no other row from being done."""
        count = 0
        for row in rows:
            try:
                work(row, person(request))
                count += 1
            except LimitError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
        if count:
            self.message_user(request, f"{count} {done}.", messages.SUCCESS)


@admin.register(LimitRevision)
class LimitRevisionAdmin(ByService):
    change_list_template = "admin/risk/limit_list.html"
    list_display = (
        *("name", "value_shown", "scope", "target", "state_word", "loosens", "reason"),
        *("proposed_by", "proposed_at", "decided_by", "effective_at", "expires_at"),
    )
    list_filter = ("state", "scope", "name")
    list_select_related = ("decided_by",)
    search_fields = ("name", "target", "reason", "proposed_by")
    ordering = ("-id",)
    date_hierarchy = "proposed_at"
    actions = ("approve", "refuse")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        return type("PersonsLimitForm", (LimitForm,), {"user": person(request)})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else LimitForm.Meta.fields

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" and self._loosens(request) and (page := freshness.ask(request, "loosen a limit")):
            return page
        return super().add_view(request, form_url, extra_context)

    def _loosens(self, request: HttpRequest) -> bool:
        """What the form would refuse loosens nothing."""
        if not self.has_add_permission(request):
            return False
        form = self.get_form(request)(request.POST)
        if not form.is_valid():
            return False
        fields = {name: form.cleaned_data[name] for name in ("value", "target", "expires_at")}
        name, scope = LimitName(form.cleaned_data["name"]), Scope(form.cleaned_data["scope"])
        return would_loosen(name=name, scope=scope, **fields)

    def save_model(self, request: HttpRequest, obj: LimitRevision, form: Any, change: bool) -> None:
        data = form.cleaned_data
        revision = services.change_limit(**{**data, "name": LimitName(data["name"])}, user=person(request))
        obj.pk, obj.state = revision.pk, revision.state
        if revision.state == RevisionState.PENDING:
            self.message_user(request, f"{revision} does not hold yet: {waits_for(revision)}.", messages.WARNING)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_addition(request, LimitRevision.objects.get(pk=obj.pk), message)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        pending = {row.name: row for row in selectors.pending_limits() if row.scope == Scope.EVERYTHING}
        everything = selectors.effective_limits().values()
        in_force = [
            line(limit, narrower, pending.get(limit.name.value))
            for limit, narrower in zip(everything, selectors.narrower_counts(), strict=True)
        ]
        waiting = [(row, shown(row), waits_for(row)) for row in selectors.pending_limits()]
        more = {"title": "Limits", "in_force": in_force, "waiting": waiting}
        return super().changelist_view(request, {**more, **(extra_context or {})})

    @admin.display(description="Value", ordering="value")
    def value_shown(self, revision: LimitRevision) -> str:
        return shown(revision)

    @admin.display(description="State", ordering="state")
    def state_word(self, revision: LimitRevision) -> str:
        return waits_for(revision) if revision.state == RevisionState.PENDING else revision.get_state_display()

    @admin.action(description="Approve loosening", permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[LimitRevision]) -> HttpResponse | None:
        if page := freshness.ask(request, "approve a loosening"):
            return page
        self.each(
            request, queryset, lambda row, user: services.approve_limit(revision_id=row.pk, user=user), "now in force"
        )
        return None

    @admin.action(description="Refuse loosening", permissions=["approve"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[LimitRevision]) -> None:
        self.each(
            request,
            queryset,
            lambda row, user: services.refuse_limit(revision_id=row.pk, user=user, reason="refused in the admin"),
            "refused",
        )


@admin.register(Restriction)
class RestrictionAdmin(ByService):
    change_list_template = "admin/risk/told_list.html"
    empty_text = "Nothing is restricted. Add a restriction to keep an instrument, a person or a strategy from entering."
    form = RestrictionForm
    list_display = ("what", "con_id", "reason", "set_by", "set_at", "lifted_by", "lifted_at")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter),)
    search_fields = ("symbol", "person", "strategy", "reason", "set_by")
    fields = ("con_id", "person", "strategy", "reason")
    actions = ("lift",)

    def save_model(self, request: HttpRequest, obj: Restriction, form: Any, change: bool) -> None:
        row = restrictions.restrict(
            con_id=obj.con_id, person=obj.person, strategy=obj.strategy, reason=obj.reason, user=person(request)
        )
        obj.pk, obj.symbol = row.pk, row.symbol

    @admin.action(description="Lift restriction", permissions=["approve"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Restriction]) -> HttpResponse | None:
        if page := freshness.ask(request, "lift a restriction"):
            return page
        self.each(
            request,
            queryset,
            lambda row, user: restrictions.lift_restriction(
                restriction_id=row.pk, user=user, reason="lifted in the admin"
            ),
            "lifted",
        )
        return None


def line(limit: EffectiveLimit, narrower: int, pending: LimitRevision | None) -> dict[str, Any]:
    """One row of what is in force."""
    kind = CATALOGUE[limit.name]
    return {
        "limit": limit,
        "kind": kind,
        "value": kind.shown(limit.value),
        "narrower": narrower,
        "pending": shown(pending) if pending else "",
    }


def shown(revision: LimitRevision) -> str:
    return CATALOGUE[LimitName(revision.name)].shown(revision.value)


def waits_for(revision: LimitRevision) -> str:
    if revision.effective_at is None:
        return "waits for a second person"
    return f"cools off until {revision.effective_at:%Y-%m-%d %H:%M} UTC"
