"""Pages over tables with millions of rows: whether there are ten thousand or ten million is not worth a full count."""

from __future__ import annotations

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet

MOST = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and pages no further than 10,000 rows: beyond that people filter."""

    object_list: QuerySet[Model]

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MOST].count()
