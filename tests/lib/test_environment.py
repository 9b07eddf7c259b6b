"""Wrong settings are refused, naming the key, the value and what is allowed."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import time
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from tradeops.lib.environment import Environment, database_from_dsn

ROOT = Path(__file__).parent.parent.parent
PRINT_SETTINGS = (
    "from django.conf import settings; b = settings.BROKER; "
    "print(b.host, b.port, b.client_id, {}b.paper_trading, settings.LOG_LEVEL)"
)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


def test_integer_outside_its_range_names_key_value_and_range(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PORT", "70000")
    with pytest.raises(ImproperlyConfigured, match=r"IBKR_PORT='70000'.*1 to 65535"):
        environment.integer("IBKR_PORT", 7497, low=1, high=65535)


@pytest.mark.parametrize("value", ["maybe", "2", "paper"])
def test_boolean_accepts_only_true_and_false(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PAPER_TRADING", value)
    with pytest.raises(ImproperlyConfigured, match="PAPER_TRADING"):
        environment.boolean("PAPER_TRADING", True)


def test_empty_value_counts_as_not_set(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_PORT", " ")
    assert environment.integer("IBKR_PORT", 7497, low=1, high=65535) == 7497


def test_clock_time_is_read(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_RESTART_STARTS_AT", "23:45")
    assert environment.clock_time("IBKR_RESTART_STARTS_AT", "00:00") == time(23, 45)


def test_what_its_parser_refuses_names_key_value_and_what_is_allowed(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.parsed("WEEKS", int, "a number") is None
    monkeypatch.setenv("WEEKS", "12")
    assert environment.parsed("WEEKS", int, "a number") == 12
    monkeypatch.setenv("WEEKS", "many")
    with pytest.raises(ImproperlyConfigured, match=r"WEEKS='many'.*must be a number\. Mend it"):
        environment.parsed("WEEKS", int, "a number")


def test_weekly_login_is_read_from_the_file_and_a_wrong_one_stops_the_start(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.BROKER.weekly_login)"
    outcomes = []
    for value in ("SUN 18:00 Europe/Zurich", "", "Sunday evening"):
        (tmp_path / ".env").write_text(f"IBKR_WEEKLY_LOGIN={value}\n")
        with mock.patch.dict(os.environ):
            os.environ.pop("IBKR_WEEKLY_LOGIN", None)
            Environment(tmp_path)
            environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tradeops.settings"}
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        outcomes.append((result.returncode, result.stdout + result.stderr))
    assert outcomes[0][0] == 0 and "weekday=6" in outcomes[0][1] and "Europe/Zurich" in outcomes[0][1]
    assert outcomes[1] == (0, "None\n")
    assert outcomes[2][0] == 1 and "IBKR_WEEKLY_LOGIN='Sunday evening'" in outcomes[2][1]
    assert "such as SUN 18:00 Europe/Zurich, or empty for none" in outcomes[2][1]


@pytest.mark.mission(102)
@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://desk:secret@db.local:5433/trades",
        "host=db.local port=5433 user=desk password=secret dbname=trades",
    ],
)
def test_connect_timeout_applies_to_url_and_keyword_dsn(dsn: str) -> None:
    database = database_from_dsn("DATABASE_URL", dsn, connect_timeout=3)
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.local", "5433", "trades")
    assert database["OPTIONS"]["connect_timeout"] == 3


@pytest.mark.mission(102)
@pytest.mark.parametrize("dsn", ["postgresql://db.local/trades?connect_timeout=9", "host=db.local connect_timeout=9"])
def test_connect_timeout_of_the_dsn_wins(dsn: str) -> None:
    assert database_from_dsn("DATABASE_URL", dsn, connect_timeout=3)["OPTIONS"]["connect_timeout"] == "9"


def test_options_of_the_dsn_are_kept_beside_ours() -> None:
    dsn = "host=db.local dbname=trades options='-c work_mem=8MB'"
    options = database_from_dsn("DATABASE_URL", dsn, connect_timeout=3)["OPTIONS"]
    assert options["options"] == "-c work_mem=8MB -c plan_cache_mode=force_generic_plan"


def test_unusable_dsn_is_refused_without_repeating_the_password() -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refusal:
        database_from_dsn("DATABASE_URL", "sqlite:///secret-password.db", connect_timeout=3)
    assert "secret-password" not in str(refusal.value)


@pytest.mark.mission(54)
def test_command_with_a_wrong_setting_names_the_key() -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "IBKR_CLIENT_ID": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Configuration refused: IBKR_CLIENT_ID='many'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.mission(54)
def test_broker_settings_are_honoured_from_the_environment() -> None:
    code = PRINT_SETTINGS.format("b.account, ")
    environment = {
        "IBKR_HOST": "gateway.local",
        "IBKR_PORT": "4002",
        "IBKR_CLIENT_ID": "5",
        "IBKR_ACCOUNT": "du7654321",
        "PAPER_TRADING": "true",
        "LOG_LEVEL": "debug",
        "DJANGO_SETTINGS_MODULE": "tradeops.settings",
    }
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["gateway.local", "4002", "5", "DU7654321", "True", "DEBUG"]


@pytest.mark.mission(54)
def test_broker_settings_have_the_documented_defaults() -> None:
    code = PRINT_SETTINGS.format("")
    keys = ("IBKR_HOST", "IBKR_PORT", "IBKR_CLIENT_ID", "PAPER_TRADING", "LOG_LEVEL")
    environment = {key: value for key, value in os.environ.items() if key not in keys}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "tradeops.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["127.0.0.1", "7497", "1", "True", "INFO"]
