"""Orders in the control room: the list, each order with its story, and what a person may do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.broker import services as broker
from apps.broker.choices import OrderState
from apps.broker.domain.orders import OPEN
from apps.broker.models import Order
from apps.console.paging import BoundedPaginator
from apps.console.roles import APPROVE_LIMITS, APPROVE_ORDER, CANCEL_ORDER, PROPOSE_ORDER
from apps.console.trading import market, order_view, ticket_view
from apps.console.trading.people import has
from apps.console.trading.ticket import ChangeForm
from apps.risk import services as risk
from tradeops.lib import clock, freshness
from tradeops.lib.admin import ReadOnlyAdmin
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.people import person

Act = Callable[[Order, User], tuple[str, int]]


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("waiting", "Awaiting approval"), ("refused", "Refused")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        states = {"open": OPEN, "waiting": {OrderState.PROPOSED}, "refused": order_view.REFUSED}.get(self.value() or "")
        return queryset.filter(state__in=states) if states else queryset


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    change_list_template = "console/orders/order_list.html"
    list_display = ("order", "account", "state_tag", "why", "filled", "price", "strategy", "requested_by", "created_at")
    list_display_links = ("order",)
    list_filter = (StandingFilter, "state", "side", "is_external", "account")
    list_select_related = ("account", "instrument")
    sortable_by = ("created_at",)
    search_fields = ("instrument__symbol",)
    search_help_text = "Symbol, the order's id, or the broker's permanent number"
    date_hierarchy = "created_at"
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has(request, PROPOSE_ORDER)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("quote/", wrap(self.quote), name="broker_order_quote"),
            path("<uuid:pk>/live/", wrap(self.live), name="broker_order_live"),
            path("<uuid:pk>/approve/", wrap(self.approve), name="broker_order_approve"),
            path("<uuid:pk>/reject/", wrap(self.reject), name="broker_order_reject"),
            path("<uuid:pk>/cancel/", wrap(self.cancel), name="broker_order_cancel"),
            path("<uuid:pk>/override/", wrap(self.override), name="broker_order_override"),
            path("<uuid:pk>/modify/", wrap(self.modify), name="broker_order_modify"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) < 19:
            return queryset.filter(perm_id=int(term)), False
        if (found := read_uuid(term)) is not None:
            return queryset.filter(pk=found), False
        return queryset.filter(Q(instrument__symbol__istartswith=term)), False

    @admin.display(description="Order")
    def order(self, order: Order) -> str:
        return str(order)

    @admin.display(description="State", ordering="state")
    def state_tag(self, order: Order) -> SafeString:
        state = OrderState(order.state)
        return format_html('<span class="tag tag-{}">{}</span>', order_view.TONES[state], state.label)

    @admin.display(description="Why")
    def why(self, order: Order) -> str:
        return order.state_reason if len(order.state_reason) <= 120 else f"{order.state_reason[:117]}..."

    @admin.display(description="Filled")
    def filled(self, order: Order) -> str:
        return f"{order_view.plain(order.filled_quantity)} of {order_view.plain(order.quantity)}"

    @admin.display(description="Price")
    def price(self, order: Order) -> str:
        return ", ".join(order_view.prices_text(order))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return ticket_view.ticket(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        order = find(read_uuid(object_id))
        return TemplateResponse(request, "console/orders/order.html", self._context(request, order))

    def _context(self, request: HttpRequest, order: Order, form: ChangeForm | None = None) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": str(order),
            "opts": self.opts,
            **order_view.context_of(order, person(request)),
            "change_form": form or ChangeForm(order=order),
            "now": clock.now(),
        }

    def live(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Whether the page still shows the order as it is, for the page to ask."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = find(pk)
        body = {"version": order_view.version_of(order), "goes_on": order.state in OPEN}
        return JsonResponse(body, headers={"Cache-Control": "no-store"})

    def quote(self, request: HttpRequest) -> HttpResponse:
        """The broker's price of this moment."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        con_id = request.GET.get("con_id", "")
        if not (con_id.isascii() and con_id.isdigit() and len(con_id) < 19):
            raise Http404("con_id must be a number.")
        found = market.quote_of(
            int(con_id), requested_by=request.user.get_username(), reference=request.GET.get("reference", "")[:40]
        )
        body = {name: getattr(found, name) for name in found.__slots__}
        return JsonResponse(body, headers={"Cache-Control": "no-store"})

    def approve(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        def act(order: Order, user: User) -> tuple[str, int]:
            after = risk.approve_order(order_id=order.pk, user=user)
            if after.state == OrderState.DENIED:
                return f"{after} is denied. {after.state_reason}", messages.WARNING
            return f"{after} is approved.", messages.SUCCESS

        return self._act(request, pk, APPROVE_ORDER, act)

    def reject(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        def act(order: Order, user: User) -> tuple[str, int]:
            risk.reject_order(order_id=order.pk, user=user, reason=request.POST.get("reason", ""))
            return f"{order} is rejected.", messages.SUCCESS

        return self._act(request, pk, PROPOSE_ORDER, act)

    def override(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """To the page of the order that was given in its place."""
        if request.method != "POST" or not has(request, APPROVE_LIMITS):
            raise PermissionDenied
        if page := freshness.ask(request, "let an order pass"):
            return page
        order = find(pk)
        try:
            given = risk.override_order(order_id=pk, user=person(request), reason=request.POST.get("reason", ""))
        except TradeOpsError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            order = given
            self.message_user(request, *order_view.outcome(order))
        return HttpResponseRedirect(reverse("admin:broker_order_change", args=[order.pk]))

    def cancel(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        def act(order: Order, user: User) -> tuple[str, int]:
            reason = request.POST.get("reason", "").strip()[:300]
            after = broker.request_cancel(order_id=order.pk, actor=user.get_username(), reason=reason)
            done = "is cancelled" if after.state == OrderState.CANCELLED else "is being cancelled at the broker"
            return f"{after} {done}.", messages.SUCCESS

        return self._act(request, pk, CANCEL_ORDER, act)

    def modify(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if request.method != "POST" or not has(request, PROPOSE_ORDER):
            raise PermissionDenied
        order = find(pk)
        form = ChangeForm(request.POST, order=order)
        if not form.is_valid():
            return TemplateResponse(request, "console/orders/order.html", self._context(request, order, form))
        return self._act(request, pk, PROPOSE_ORDER, lambda order, user: modified(order, user, form))

    def _act(self, request: HttpRequest, pk: UUID, permission: str, act: Act) -> HttpResponse:
        """POST only; back to the order's page with a word on what came of it."""
        if request.method != "POST" or not has(request, permission):
            raise PermissionDenied
        order = find(pk)
        try:
            message, level = act(order, person(request))
        except TradeOpsError as error:
            message, level = str(error), messages.ERROR
        self.message_user(request, message, level)
        return HttpResponseRedirect(reverse("admin:broker_order_change", args=[order.pk]))


def modified(order: Order, user: User, form: ChangeForm) -> tuple[str, int]:
    changes = form.changes()
    if not changes:
        return "Nothing differs from the order as it is.", messages.WARNING
    risk.modify_order(
        order_id=order.pk,
        changes=changes,
        requested_by=user.get_username(),
        user=user,
        reason=form.cleaned_data["reason"],
    )
    return "The change is asked for; it holds when the broker has confirmed it.", messages.SUCCESS


def find(pk: UUID | None) -> Order:
    rows = Order.objects.select_related("account", "instrument", "parent", "approved_by")
    order = rows.filter(pk=pk).first() if pk else None
    if order is None:
        raise Http404("The ledger knows no such order.")
    return order


def read_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
