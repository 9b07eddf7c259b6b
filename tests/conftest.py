from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A busy machine is no finding.
hypothesis_settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("tests")


def pytest_configure() -> None:
    database = connections.settings["default"]
    database["TEST"]["TEMPLATE"] = database["NAME"]
    settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    from tests import emptying

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        emptying.prepare()


# Files that take longest. Run first, else one process works them off alone while the others have nothing left.
SLOW_FIRST = (
    "tests/jobs/test_worker.py",
    "tests/processes/test_up.py",
    "tests/processes/test_sentinel.py",
    "tests/snapshots/test_snapshot_end_to_end.py",
    "tests/broker/gateway/test_session.py",
    "tests/test_admin_pages.py",
    "tests/broker/gateway/test_position_prices.py",
    "tests/strategies/test_end_to_end.py",
    "tests/broker/simulator/test_state_changes.py",
    "tests/console/test_websocket.py",
    "tests/broker/gateway/test_orders_faults.py",
    "tests/broker/simulator/test_state.py",
    "tests/broker/gateway/test_requests.py",
    "tests/console/test_database_outage.py",
    "tests/broker/simulator/test_server_faults.py",
    "tests/operations/test_running_platform.py",
    "tests/jobs/test_storm.py",
    "tests/risk/test_emergency_platform.py",
    "tests/quarter/test_quarter.py",
    "tests/broker/chaos/test_order_storm.py",
    "tests/risk/test_operators.py",
    "tests/broker/gateway/test_process.py",
    "tests/snapshots/test_position_end_to_end.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(SLOW_FIRST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(SLOW_FIRST)))
