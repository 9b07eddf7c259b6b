"""`manage.py sentinel` as it runs does every one of its duties: none can be left out without being missed here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes.test_sentinel import ALIVE, Watched

pytestmark = [pytest.mark.timeout(180)]

# An account whose losses nobody has watched, in a session that nobody has compared; a breaker whose time is up, a stop
# whose day is over, and one that stands; a close-all whose driver died before the gateway began.
WORK = """
    UPDATE broker_gatewaysession SET synchronised_at = now();
    INSERT INTO broker_account (code, mode, base_currency, as_of) VALUES ('DU1', 'paper', 'USD', now());
    INSERT INTO broker_accountvalue (account_id, tag, currency, value, as_of)
    SELECT id, 'NetLiquidation', 'USD', '100000', now() FROM broker_account;
    INSERT INTO risk_breaker (name, state, state_since, failures, opened_at, not_closed_since, times_opened,
        last_failure)
    VALUES ('order_placement', 'open', now() - interval '1 hour', 5, now() - interval '5 min', now() - interval '5 min',
        1, 'refused')
    ON CONFLICT (name) DO UPDATE SET state = 'open', opened_at = excluded.opened_at,
        not_closed_since = excluded.not_closed_since;
    INSERT INTO broker_tradingstate (scope, target, source, permission, reason, ending, ends_at, set_by, set_at)
    VALUES ('strategy', 'old', 'limit', 'halted', 'a loss', 'next_trading_day', now() - interval '1 hour', 'x', now()),
        ('strategy', 'new', 'limit', 'halted', 'a loss', 'next_trading_day', now() + interval '1 day', 'x', now());
    INSERT INTO broker_emergencyrun (id, kind, scope, target, account, permission, actor, came_by, reason, state,
        problem, found, results, requested_at)
    VALUES (gen_random_uuid(), 'close_all', 'account', 'DU1', 'DU1', 'halted', 'ann', 'page', 'x', 'requested', '',
        '{}', '[]', now() - interval '30 s');
"""
DONE = {
    "losses": "SELECT 1 FROM risk_equitywatch WHERE known_at > now() - interval '5 min'",
    "comparisons": "SELECT 1 FROM risk_reconciliationrun WHERE requested_by = 'sentinel'",
    "breaker probes": "SELECT 1 FROM risk_breaker WHERE name = 'order_placement' AND state = 'half-open'",
    "alerts": "SELECT 1 FROM journal_incident WHERE key = 'trading-halted' AND detail LIKE '%new%'",
    "emergencies": "SELECT 1 FROM broker_tradingstate WHERE target = 'old' AND permission = 'active'",
    "orphaned close-alls": "SELECT 1 FROM broker_emergencyrun WHERE problem LIKE 'the gateway has not cancelled%'",
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    watched = Watched(tmp_path_factory.mktemp("duties"))
    with watched.webhook:
        try:
            watched.query(ALIVE)
            watched.query(WORK)
            watched.start_sentinel()
            yield watched
        finally:
            watched.end_processes()
            if watched.postgres.poll() is None:
                watched.stop_database()


@pytest.mark.parametrize("duty", DONE)
def test_sentinel_does_its_duties(watched: Watched, duty: str) -> None:
    watched.wait_for(lambda: watched.query(DONE[duty]), seconds=60, what=duty)


def test_sentinel_delivers_what_it_tells(watched: Watched) -> None:
    watched.wait_for_notice("Warning: Trading is stopped", seconds=60)
