"""Every admin page opens: list, search, sorting by each column, and adding where that is allowed."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

pytestmark = pytest.mark.django_db

admin.autodiscover()
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def operator(admin_client: Client) -> Client:
    return admin_client


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_list_opens_searches_and_sorts(operator: Client, model: type[Model]) -> None:
    address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    columns = len(admin.site._registry[model].list_display)
    for query in ["", "?q=text", *(f"?o={column}" for column in range(1, columns + 1))]:
        assert operator.get(address + query).status_code in (200, 302), address + query


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_add_page_opens_or_is_refused(operator: Client, model: type[Model]) -> None:
    answer = operator.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/")
    allowed = admin.site._registry[model].has_add_permission(answer.wsgi_request)
    assert answer.status_code == (200 if allowed else 403)


def test_queue_tables_of_the_library_are_not_shown() -> None:
    assert {model._meta.app_label for model in MODELS}.isdisjoint({"django_q"})
