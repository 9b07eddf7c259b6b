"""Executions, payments, jobs, commentary, notes."""

from __future__ import annotations

from datetime import timedelta

from apps.broker.choices import PriceSource
from apps.reports.choices import ReportKind
from apps.reports.document.blocks import Block, Column, Points, Section, Table, Text
from apps.reports.domain.slippage import OUTLIER_BASIS_POINTS
from apps.reports.domain.wording import (
    NOTHING,
    counted,
    duration,
    listed,
    moment,
    money,
    number,
    percent,
    price,
    quantity,
)
from apps.reports.facts import Facts
from apps.reports.selectors.executions import ExecutionRow, asset_classes, slippage_of
from apps.reports.selectors.reliability import JobReliability
from apps.reports.selectors.trades import day_bounds

MOST_EXECUTIONS = 250
LONGEST_ERROR = 300
# The mirror may lag behind by so much before a reader must know.
LAG = timedelta(hours=1)

UNKNOWN_EXECUTIONS = "Executions are not known: the gateway has never synchronised with the broker."


def executions(facts: Facts) -> Section:
    rows = facts.executions
    if not rows:
        known = "Nothing was traded in this period." if facts.mirrored_at else UNKNOWN_EXECUTIONS
        return Section("Executions", [Text(known)])
    blocks: list[Block] = [Text(_slippage(facts)), _execution_table(rows)]
    if facts.period.kind == ReportKind.MONTHLY:
        blocks.append(_classes(rows))
    return Section("Executions", blocks)


def _slippage(facts: Facts) -> str:
    found = slippage_of(facts.executions)
    if found is None:
        return "No slippage can be stated: no executed order named a price (market orders name none)."
    text = (
        f"Slippage: mean {number(found.mean, 1, signed=True)} bps, median {number(found.median, 1, signed=True)} bps "
        f"over {counted(found.count, 'execution')} with an intended price; {found.outliers} beyond "
        f"{OUTLIER_BASIS_POINTS:.0f} bps. Positive is adverse."
    )
    if facts.period.kind == ReportKind.MONTHLY:
        text += f" Better than intended: {percent(found.favourable, 1)}."
    return text


def _execution_table(rows: list[ExecutionRow]) -> Table:
    columns = [
        Column("Time (UTC)", 1.9),
        Column("Instrument", 2.2),
        Column("Side", 0.7),
        Column("Quantity", 1.2, "right"),
        Column("Price", 1.3, "right"),
        Column("Intended", 1.3, "right"),
        Column("Quoted in", 1.0, "right"),
        Column("Slippage bps", 1.4, "right"),
        Column("Commission", 1.6, "right"),
    ]
    shown = rows[-MOST_EXECUTIONS:]
    left_out = f"The last {len(shown)} of {len(rows):,} are listed." if len(shown) < len(rows) else ""
    return Table(columns, [_execution(row) for row in shown], caption=left_out)


def _execution(row: ExecutionRow) -> list[str]:
    commission = NOTHING if row.commission is None else f"{money(row.commission)} {row.commission_currency}"
    return [
        f"{row.at:%Y-%m-%d %H:%M:%S}",
        row.name,
        row.side.label,
        quantity(row.quantity),
        price(row.price),
        price(row.intended),
        row.unit,
        number(row.slippage, 1, signed=True),
        commission,
    ]


def _classes(rows: list[ExecutionRow]) -> Table:
    columns = [Column("Asset class", 4), Column("Executions", 3, "right"), Column("Share", 3, "right")]
    counts = asset_classes(rows)
    return Table(columns, [[name, f"{count:,}", percent(count / len(rows), 1)] for name, count in counts])


def payments(facts: Facts) -> Section | None:
    if not facts.payments:
        return None
    columns = [Column("Date", 2), Column("Amount", 2, "right"), Column("Currency", 1, "right"), Column("Note", 5)]
    rows = [[f"{flow.day}", money(flow.amount, signed=True), flow.currency, flow.note] for flow in facts.payments]
    caption = "Booked by hand; taken out of every return."
    return Section("Deposits and withdrawals", [Table(columns, rows, caption=caption)])


def jobs(facts: Facts) -> Section:
    heading = "Reliability of the jobs"
    if not facts.jobs:
        return Section(heading, [Text("No job ran in this period: no worker was running, or no schedule was due.")])
    columns = [
        Column("Job", 2.1),
        Column("What it does", 3.8),
        Column("Runs", 0.7, "right"),
        Column("Succeeded", 1.2, "right"),
        Column("Failed", 0.8, "right"),
        Column("Missed", 0.8, "right"),
        Column("Skipped", 0.9, "right"),
        Column("Retried", 0.9, "right"),
        Column("Success", 1.0, "right"),
        Column("Longest", 1.1, "right"),
    ]
    caption = (
        "Missed: due, but nobody could run it in time. Skipped: left out on purpose or for want of another job. "
        "Success: share of what ended by itself or was missed. Retried: runs that took more than one attempt."
    )
    errors = [f"{job.job} failed or was missed: {first_line(job.last_error)}" for job in facts.jobs if job.last_error]
    found: list[Block] = [Table(columns, [_job(job) for job in facts.jobs], caption=caption)]
    return Section(heading, [*found, Points(errors)] if errors else found)


def first_line(error: str) -> str:
    line = error.strip().split("\n")[0]
    return line if len(line) <= LONGEST_ERROR else line[:LONGEST_ERROR].rstrip() + "\u2026"


def _job(job: JobReliability) -> list[str]:
    return [
        job.job,
        job.title,
        f"{job.runs:,}",
        f"{job.succeeded:,}",
        f"{job.failed:,}",
        f"{job.missed:,}",
        f"{job.skipped:,}",
        f"{job.retried:,}",
        percent(job.success_rate, 1),
        duration(job.longest),
    ]


def commentary(facts: Facts) -> Section:
    text = facts.commentary or "Nobody has written a commentary for this month (control room, Commentaries)."
    return Section("Commentary", [Text(text, "" if facts.commentary else "quiet")])


def notes(facts: Facts) -> Section:
    return Section("Notes and sources", [Points([*data_quality(facts), *sources(facts)])])


def data_quality(facts: Facts) -> list[str]:
    """What a reader must know before believing the figures."""
    found: list[str] = []
    if facts.made_at.date() <= facts.period.last:
        found.append(f"The period ends on {facts.period.last}: this report tells what is known until now.")
    until = min(facts.made_at, day_bounds(facts.period.first, facts.period.last)[1])
    if facts.mirrored_at is not None and facts.mirrored_at < until - LAG:
        found.append(
            f"What was executed after {moment(facts.mirrored_at)} is not known: the gateway was not connected."
        )
    if facts.missing:
        days = listed([str(day) for day in facts.missing])
        found.append(f"Snapshots are missing for {counted(len(facts.missing), 'day')}: {days}.")
    of = facts.measured.performance
    if of is not None and of.start_date >= facts.period.first:
        found.append(f"No snapshot lies in the week before the period: measured from {of.start_date}.")
    if facts.portfolio and (old := facts.portfolio.priced_from(PriceSource.CLOSE, PriceSource.DELAYED_LAST)):
        found.append(f"Valued at a price that had stood for some time (last close, delayed last trade): {listed(old)}.")
    if facts.portfolio and facts.portfolio.at_cost:
        found.append(f"No price was available, valued at average cost: {listed(facts.portfolio.at_cost)}.")
    if facts.portfolio and facts.portfolio.without_rate:
        found.append(f"No exchange rate was known, so no weight: {listed(facts.portfolio.without_rate)}.")
    if facts.contributors and facts.contributors.unknown:
        names = listed(facts.contributors.unknown)
        found.append(f"Not among winners and losers, a quantity, price or rate is missing: {names}.")
    if facts.contributors and facts.contributors.unpaid:
        names = listed(facts.contributors.unpaid)
        found.append(f"Winners and losers count a commission as 0, not known yet or without an exchange rate: {names}.")
    return found + facts.measured.remarks or [
        "Every day of the period has its snapshot; nothing is known to be missing."
    ]


def sources(facts: Facts) -> list[str]:
    taken = facts.portfolio.taken_at if facts.portfolio else None
    return [
        f"Equity, cash, positions: portfolio snapshots, the last of {moment(taken)}." if taken else "No snapshots.",
        f"Executions and commissions: the broker's own records, as mirrored until {moment(facts.mirrored_at)}."
        if facts.mirrored_at
        else UNKNOWN_EXECUTIONS,
        "Returns are time-weighted from snapshot to snapshot. Volatility, Sharpe and Sortino ratios: returns from "
        "weekday to weekday, 252 a year, risk-free rate 0. Past performance is no guide to the future.",
        "Win rate and profit factor: round trips closed in the period, first in, first out by instrument as in the "
        "ledger's trades, net of commissions, realised only. Gain, winners and losers include what is not realised.",
    ]
