"""Giving an order: choose the instrument, fill in the ticket, see the verdict, submit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.broker import services as broker
from apps.broker.models import Instrument, Order, Position
from apps.broker.services import Terms
from apps.console.trading import market
from apps.console.trading.order_view import outcome
from apps.console.trading.terms import terms_of
from apps.console.trading.ticket import TicketForm, fresh_ticket
from apps.risk import services as risk
from apps.risk.domain.facts import Facts
from apps.risk.gathering import Margin
from apps.risk.services.overrides import may_be_let_pass
from apps.risk.services.submission import Judged
from tradeops.lib import clock
from tradeops.lib.admin import ModelAdmin
from tradeops.lib.errors import TradeOpsError
from tradeops.lib.known import Known, Unknown
from tradeops.lib.people import person

SEARCH, TICKET, REVIEW = (f"console/orders/{name}.html" for name in ("search", "ticket", "review"))


def ticket(admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    sent = request.POST if request.method == "POST" else request.GET
    con_id = sent.get("con_id", "")
    if not (con_id.isascii() and con_id.isdigit() and 0 < len(con_id) < 19):
        return search(admin, request)
    who = request.user.get_username()
    found = broker.find_instrument(con_id=int(con_id), requested_by=who)
    if isinstance(found, Unknown):
        return search(admin, request, problem=f"The instrument cannot be had: {found.reason}.")
    return fill_in(admin, request, found.value)


def search(admin: ModelAdmin, request: HttpRequest, problem: str = "") -> HttpResponse:
    pattern = request.GET.get("q", "").strip()
    rows: list[dict[str, Any]] | None = None
    if pattern:
        answer = market.search(pattern, requested_by=request.user.get_username())
        rows = answer.value if isinstance(answer, Known) else None
        problem = f"The broker cannot be asked: {answer.reason}." if isinstance(answer, Unknown) else problem
    context = {"pattern": pattern, "rows": rows, "problem": problem, "at_hand": market.at_hand()}
    return respond(admin, request, SEARCH, "Order: which instrument?", context)


def fill_in(admin: ModelAdmin, request: HttpRequest, instrument: Instrument) -> HttpResponse:
    if request.method != "POST":
        form = fresh_ticket(instrument.con_id, request.GET.dict())
        return show_ticket(admin, request, instrument, form)
    form = TicketForm(request.POST)
    if not form.is_valid() or "change" in request.POST:
        return show_ticket(admin, request, instrument, form)
    terms = terms_of(form.cleaned_data, account=form.cleaned_data["account"], instrument=instrument)
    if "submit" in request.POST:
        return submit(admin, request, form, terms)
    return review(admin, request, form, terms)


def show_ticket(admin: ModelAdmin, request: HttpRequest, instrument: Instrument, form: TicketForm) -> HttpResponse:
    held = Position.objects.filter(instrument=instrument).exclude(quantity=0).select_related("account")
    context = {"instrument": instrument, "form": form, "held": list(held)}
    return respond(admin, request, TICKET, f"Order in {instrument}", context)


def review(admin: ModelAdmin, request: HttpRequest, form: TicketForm, terms: Terms, problem: str = "") -> HttpResponse:
    """What would be decided now, before anything is written."""
    judged = risk.preview_order(terms=terms, givers=[request.user.get_username()])
    order = Order(instrument=terms.instrument, side=terms.side, quantity=terms.quantity, order_type=terms.order_type)
    context = {
        "instrument": terms.instrument,
        "form": form,
        "terms": judged.terms,
        "verdict": judged.verdict,
        "may_be_let_pass": may_be_let_pass(judged.verdict, judged.terms),
        "quote": judged.facts.quote.value if isinstance(judged.facts.quote, Known) else None,
        "quote_unknown": judged.facts.quote.reason if isinstance(judged.facts.quote, Unknown) else "",
        "figures": figures(judged, judged.terms),
        "judged_at": judged.facts.now,
        "problem": problem,
    }
    return respond(admin, request, REVIEW, f"Confirm: {order}", context)


def submit(admin: ModelAdmin, request: HttpRequest, form: TicketForm, terms: Terms) -> HttpResponse:
    """The form's key makes one order of it, however often it is sent."""
    user = person(request)
    try:
        order = risk.submit_order(
            terms=terms,
            idempotency_key=f"ticket:{form.cleaned_data['key']}",
            requested_by=user.get_username(),
            user=user,
        )
    except TradeOpsError as error:
        return review(admin, request, form, terms, problem=str(error))
    admin.message_user(request, *outcome(order))
    return HttpResponseRedirect(reverse("admin:broker_order_change", args=[order.pk]))


def figures(judged: Judged, terms: Terms) -> list[tuple[str, str]]:
    """What the order is about in money, as far as it is known."""
    facts, account = judged.facts, terms.account.base_currency or "the account's currency"
    value = order_value(facts, terms)
    return [
        ("Value of the order", money(value, terms.instrument.currency)),
        ("Net liquidation", known(facts.equity, account)),
        ("Available funds", known(facts.available_funds, account)),
        *margin_figures(judged.margin, account),
        ("Orders today", str(facts.orders_today)),
    ]


def margin_figures(margin: Known[Margin] | Unknown | None, currency: str) -> list[tuple[str, str]]:
    """What the broker computes before anything is ordered."""
    if margin is None:
        return []
    if isinstance(margin, Unknown):
        return [("Margin at the broker", f"unknown: {margin.reason}")]
    found = margin.value
    return [
        ("Initial margin changes by", money(found.initial_change, currency)),
        ("Initial margin afterwards", money(found.initial_after, currency)),
        ("Maintenance margin afterwards", money(found.maintenance_after, currency)),
        ("Commission", money(found.commission, found.commission_currency)),
        *([("The broker warns", found.warning)] if found.warning else []),
    ]


def order_value(facts: Facts, terms: Terms) -> Decimal | None:
    stated = terms.limit_price or terms.stop_price
    price = stated or (facts.quote.value.price if isinstance(facts.quote, Known) else None)
    if price is None:
        return None
    return terms.quantity * price * terms.instrument.multiplier / terms.instrument.price_magnifier


def known(value: Known[Decimal] | Unknown, unit: str) -> str:
    return f"unknown: {value.reason}" if isinstance(value, Unknown) else money(value.value, unit)


def money(value: Decimal | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:,.2f} {unit}"


def respond(
    admin: ModelAdmin, request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    base = {**admin.admin_site.each_context(request), "title": title, "opts": admin.opts, "now": clock.now()}
    return TemplateResponse(request, template, {**base, **context})
