"""What a report shows of its facts, in which order and words."""

from __future__ import annotations

from apps.reports.choices import ReportKind
from apps.reports.document import advice, performance, positions, records
from apps.reports.document.blocks import Document, Section
from apps.reports.domain.wording import moment
from apps.reports.facts import Facts


def lay_out(facts: Facts) -> Document:
    period = facts.period
    return Document(
        title=f"{period.kind.label} report {period.label}",
        subtitle=period.title,
        badge=facts.mode.upper(),
        details=[
            f"Account {facts.account}",
            f"All in {facts.currency or 'an unknown currency'}",
            f"Made {moment(facts.made_at)}",
        ],
        figures=performance.key_figures(facts),
        sections=sections(facts),
        footer=f"TradeOps, {period.kind.label.lower()} report {period.label}, account {facts.account}, "
        f"made {moment(facts.made_at)}",
    )


def sections(facts: Facts) -> list[Section]:
    monthly = facts.period.kind == ReportKind.MONTHLY
    found = [
        performance.charts(facts),
        records.commentary(facts) if monthly else None,
        positions.holdings(facts),
        positions.winners_and_losers(facts),
        records.executions(facts),
        advice.signal_and_advice(facts),
        records.payments(facts),
        records.jobs(facts),
        records.notes(facts),
    ]
    return [section for section in found if section is not None]
