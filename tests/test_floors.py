"""The house stands: a floor imports only from lower floors, and siblings are blind to each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    {"tradeops.lib"},
    {"apps.journal"},
    {"apps.broker", "apps.jobs"},
    {"apps.snapshots"},
    {"apps.risk"},
    {"apps.strategies"},
    {"apps.reports"},
    {"apps.console"},
    {"tradeops"},
]
# The composition floor hands its frozen configuration down; nothing below may reach for the settings module itself.
HEIGHT = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
SIMULATOR = ROOT / "apps" / "broker" / "simulator"


def room_of(module: str) -> str | None:
    """The longest room that holds the module; None for the standard library and other packages."""
    rooms = [room for room in HEIGHT if module == room or module.startswith(room + ".")]
    return max(rooms, key=len) if rooms else None


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def source_files() -> list[Path]:
    return sorted(path for folder in ("apps", "tradeops") for path in (ROOT / folder).rglob("*.py"))


def violations(path: Path) -> Iterator[str]:
    here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if here is None:
        return
    for line, module in imported_modules(path):
        there = room_of(module)
        if there is not None and there != here and HEIGHT[there] >= HEIGHT[here]:
            yield f"{path.relative_to(ROOT)}:{line} imports {module}: {here} may not look at {there}"


def test_floors_import_only_from_lower_floors() -> None:
    found = [violation for path in source_files() for violation in violations(path)]
    assert not found, "\n".join(found)


def test_every_app_stands_on_a_floor() -> None:
    apps = {f"apps.{path.parent.name}" for path in (ROOT / "apps").glob("*/__init__.py")}
    assert apps <= set(HEIGHT), f"name their floor in this test: {sorted(apps - set(HEIGHT))}"


def test_simulator_imports_nothing_of_the_project_or_django() -> None:
    for path in SIMULATOR.rglob("*.py"):
        for line, module in imported_modules(path):
            outside = module.split(".")[0] in {"django", "tradeops", "ib_async"} or (
                module.startswith("apps.") and not module.startswith("apps.broker.simulator")
            )
            assert not outside, f"{path.relative_to(ROOT)}:{line} imports {module}"


def test_only_the_broker_app_speaks_to_the_broker_library() -> None:
    for path in source_files():
        for line, module in imported_modules(path):
            if module.split(".")[0] == "ib_async":
                assert path.is_relative_to(ROOT / "apps" / "broker"), f"{path.relative_to(ROOT)}:{line}"


@pytest.mark.parametrize("module", ["apps.journal.tasks", "apps.console.views"])
def test_room_of_names_the_app(module: str) -> None:
    assert room_of(module) == module.rsplit(".", 1)[0]


def test_modules_stay_small() -> None:
    large = {path: len(path.read_text().splitlines()) for path in source_files() if "migrations" not in path.parts}
    large = {path: lines for path, lines in large.items() if lines > 500}
    assert not large, f"split by topic: {large}"
