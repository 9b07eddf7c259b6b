"""Samples what the accounts are worth for the day's chart, only while that is known."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from apps.broker.gateway import parsing
from apps.broker.gateway.picture import Picture
from apps.broker.gateway.rows import EquityRow
from apps.broker.gateway.session_keeper import SessionKeeper
from apps.broker.gateway.synchroniser import Synchroniser
from apps.broker.gateway.writer import MirrorWriter
from apps.broker.models import EquityPoint
from tradeops.lib import clock

SAMPLE_SECONDS = 5.0
KEEP = timedelta(days=14)


class EquitySampler:
    def __init__(self, synchroniser: Synchroniser, keeper: SessionKeeper, writer: MirrorWriter) -> None:
        self._synchroniser = synchroniser
        self._keeper = keeper
        self._writer = writer

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            facts, picture = self._keeper.facts, self._synchroniser.picture
            if picture is not None and facts.broker_reachable and facts.synchronised:
                self._sample(picture)

    def _sample(self, picture: Picture) -> None:
        for account in picture.accounts():
            row = equity_of(picture, account)
            if row is not None:
                self._writer.changes.equity.append(row)
                self._writer.on_change(False)


def equity_of(picture: Picture, account: str) -> EquityRow | None:
    value = picture.net_liquidation(account)
    worth = parsing.number(value.value) if value is not None else None
    if value is None or worth is None:
        return None
    cash = picture.values.get((account, "TotalCashValue", value.currency))
    pnl = picture.pnl.get(account)
    return EquityRow(
        account=account,
        at=clock.now(),
        currency=value.currency[:3],
        net_liquidation=worth,
        cash=parsing.number(cash.value) if cash else None,
        daily_pnl=pnl.daily if pnl else None,
    )


def prune() -> int:
    """Forget samples older than two weeks: the daily snapshots keep the history. Returns how many."""
    return EquityPoint.objects.filter(at__lt=clock.now() - KEEP).delete()[0]
