"""Whatever an order is refused for, its page says so in a sentence: a row in DENIED is all that a new reason needs."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.broker import services as broker
from apps.broker.models import Order
from apps.risk import selectors
from apps.risk.choices import DenialCode
from apps.risk.domain.facts import Verdict
from apps.risk.services.approval import terms_of
from apps.risk.services.submission import ACTOR, Judged, write_verdict
from tests.broker.ledger.builders import make_order
from tests.risk.facts import facts
from tests.risk.test_verdict import refusals

pytestmark = pytest.mark.django_db


def refused(verdict: Verdict) -> Order:
    """As submitting writes it."""
    order = make_order()
    write_verdict(order, Judged(verdict, terms_of(order), facts(), selectors.effective_limits()), asked_by="tom")
    codes = sorted(code.value for code in verdict.codes)
    return broker.deny_order(order_id=order.pk, reason=verdict.sentence, actor=ACTOR, data={"codes": codes})


@pytest.mark.parametrize("code", list(DenialCode), ids=lambda code: code.value)
def test_page_and_api_of_a_refused_order_say_why(make_user: Callable[..., User], code: DenialCode) -> None:
    client = Client()
    client.force_login(make_user())
    for verdict in refusals()[code]:
        order, (reason,) = refused(verdict), verdict.reasons
        page = unescape(client.get(f"/admin/broker/order/{order.pk}/change/").content.decode())
        assert verdict.sentence.startswith(reason.sentence)
        assert f'<span class="why">{verdict.sentence}</span>' in page
        assert code.label in page and "Denied" in page
        told = client.get(f"/api/orders/{order.pk}/").json()
        assert (told["state"], told["state_reason"]) == ("denied", verdict.sentence)
