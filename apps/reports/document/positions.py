"""Positions, weights, winners and losers."""

from __future__ import annotations

from apps.broker.choices import PriceSource
from apps.reports.choices import ReportKind
from apps.reports.document.blocks import Block, Column, Section, Table, Text
from apps.reports.domain.wording import NOTHING, moment, money, percent, price, quantity
from apps.reports.facts import Facts
from apps.reports.selectors.holdings import Contributor, Holding, Portfolio, best, worst
from apps.reports.selectors.performance import ClosedTrip

SHOWN = {ReportKind.WEEKLY: 3, ReportKind.MONTHLY: 5}
SOURCES = {
    PriceSource.MARKET: "live",
    PriceSource.DELAYED: "delayed",
    PriceSource.DELAYED_LAST: "delayed last",
    PriceSource.CLOSE: "last close",
    PriceSource.MID: "mid of quotes",
    PriceSource.PORTFOLIO: "the broker",
    PriceSource.AVG_COST: "cost",
}


def holdings(facts: Facts) -> Section:
    heading = "Positions and weights"
    if facts.portfolio is None:
        return Section(heading, [Text("Not known: no snapshot was taken in this period.")])
    portfolio = facts.portfolio
    columns = [
        Column("Position", 2.4),
        Column("Quantity", 1.2, "right"),
        Column("Avg. cost", 1.3, "right"),
        Column("Price", 1.3, "right"),
        Column("Price from", 1.3),
        Column("Value", 1.7, "right"),
        Column("Unrealised", 1.5, "right"),
        Column("Cur.", 0.7, "right"),
        Column(f"Value in {portfolio.currency}", 1.7, "right"),
        Column("Weight", 1.2, "right"),
    ]
    rows = [_holding(holding) for holding in portfolio.holdings] + [_cash(portfolio), _total(portfolio)]
    caption = (
        f"Snapshot of {moment(portfolio.taken_at)}. Weights are shares of the net liquidation. Total: what the broker "
        f"states, accruals included."
    )
    return Section(heading, [Table(columns, rows, signed=[6], total=True, caption=caption)])


def _holding(holding: Holding) -> list[str]:
    return [
        holding.name,
        quantity(holding.quantity),
        price(holding.avg_cost, 4),
        price(holding.price),
        SOURCES[holding.price_source],
        money(holding.value),
        money(holding.unrealized, signed=True),
        holding.currency,
        money(holding.base_value),
        percent(holding.weight),
    ]


def _cash(portfolio: Portfolio) -> list[str]:
    weight = float(portfolio.cash / portfolio.equity) if portfolio.equity > 0 else None
    return ["Cash", "", "", "", "", "", "", portfolio.currency, money(portfolio.cash), percent(weight)]


def _total(portfolio: Portfolio) -> list[str]:
    whole = percent(1.0) if portfolio.equity > 0 else NOTHING
    return ["Net liquidation", "", "", "", "", "", "", portfolio.currency, money(portfolio.equity), whole]


def winners_and_losers(facts: Facts) -> Section:
    heading = "Winners and losers"
    found = facts.contributors
    if found is None:
        return Section(heading, [Text("Not known: it takes two snapshots to tell what each position earned.")])
    if not found.known:
        return Section(
            heading, [Text("Not known of any position: see the notes." if found.unknown else "None was held.")]
        )
    count = SHOWN[facts.period.kind]
    blocks: list[Block] = []
    for title, rows, none in (
        ("Winners", best(found.known, count), "No position gained."),
        ("Losers", worst(found.known, count), "No position lost."),
    ):
        blocks.append(_ranking(title, rows, facts.currency) if rows else Text(none, "quiet"))
    blocks += round_trips(facts, count)
    span = f"between the snapshots of {moment(found.since)} and {moment(found.until)}"
    blocks.append(Text(f"Positions: {span}, realised and unrealised, less commissions, no dividends.", "quiet"))
    return Section(heading, blocks)


def round_trips(facts: Facts, count: int) -> list[Block]:
    """The best and the worst that were closed in the period; nothing where none was."""
    known = [(trip.net, trip) for trip in facts.measured.trips if trip.net is not None]
    known.sort(key=lambda item: (-item[0], item[1].name))
    won, lost = [trip for net, trip in known if net > 0], [trip for net, trip in reversed(known) if net < 0]
    tables = (("Best round trips", won[:count]), ("Worst round trips", lost[:count]))
    return [_trips(title, trips, facts.currency) for title, trips in tables if trips]


def _trips(title: str, trips: list[ClosedTrip], currency: str) -> Table:
    columns = [
        Column(title, 4),
        Column("Quantity", 1.6, "right"),
        Column("Opened", 2, "right"),
        Column("Closed", 2, "right"),
        Column(f"Net in {currency}", 2.4, "right"),
    ]
    return Table(columns, [_trip(trip) for trip in trips], signed=[4])


def _trip(trip: ClosedTrip) -> list[str]:
    name = trip.name if trip.is_long else f"{trip.name}, short"
    dates = [f"{trip.opened_at:%Y-%m-%d}", f"{trip.closed_at:%Y-%m-%d}"]
    return [name, quantity(trip.quantity), *dates, money(trip.net, signed=True)]


def _ranking(title: str, rows: list[Contributor], currency: str) -> Table:
    columns = [Column(title, 4), Column("Quantity at the end", 3, "right"), Column(f"P&L in {currency}", 3, "right")]
    return Table(columns, [[row.name, quantity(row.quantity), money(row.pnl, signed=True)] for row in rows], signed=[2])
