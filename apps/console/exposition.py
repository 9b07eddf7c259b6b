"""Metrics in the text format of Prometheus, read from the database at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.console.selectors import metrics
from tradeops.lib.known import Known

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Snapshot(Collector):
    def __init__(self, found: Sequence[metrics.Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """What nobody knows has no sample: 0 would be a lie, and `metric_known` 0 says why it is missing."""
        for name in dict.fromkeys(metric.name for metric in self._found):
            yield self._family([metric for metric in self._found if metric.name == name])
        known = GaugeMetricFamily("metric_known", "1 where the metric has a value", labels=["metric"])
        as_of = GaugeMetricFamily("metric_as_of_seconds", "When the value was true, since 1970", labels=["metric"])
        for metric in {metric.name: metric for metric in self._found}.values():
            is_known = isinstance(metric.value, Known)
            known.add_metric([metric.name], float(is_known))
            if isinstance(metric.value, Known):
                as_of.add_metric([metric.name], metric.value.as_of.timestamp())
        yield known
        yield as_of

    def _family(self, rows: Iterable[metrics.Metric]) -> GaugeMetricFamily:
        found = list(rows)
        family = GaugeMetricFamily(found[0].name, found[0].help, labels=list(found[0].labels))
        for row in found:
            if isinstance(row.value, Known):
                family.add_metric(list(row.labels.values()), row.value.value)
        return family


def as_text(found: Sequence[metrics.Metric]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Snapshot(found))
    return generate_latest(registry)
