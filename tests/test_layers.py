"""The layers, read from the imports: lower lines import nothing of higher ones, and there are no circles."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
PACKAGES = ("bridge", "probes", "reports", "loadtests")

#: Longest prefix wins. A module may import what stands on a lower layer, or in its own folder.
LAYERS = {
    "bridge.protocol": 0,
    "bridge.core": 0,
    "reports.model": 0,
    "reports.redaction": 0,
    "bridge.client_protocol": 1,  # as pure as the lowest layer, and uses the protocol's `peek`
    "bridge.config": 1,
    "bridge.telemetry": 1,
    "bridge.transport": 1,
    "reports": 1,
    "bridge.upstream": 2,
    "bridge.simulator": 2,
    "bridge.driver": 3,
    "bridge.server": 4,
    "bridge.simulation": 5,
    "probes": 5,
    "loadtests": 5,
    "loadtests.results.problems": 2,  # values, which `explain` reads too
}
#: What the lowest layer may use beside the standard library.
ALLOWED_LOW = {
    "bridge.protocol": {"msgspec"},
    "bridge.client_protocol": {"msgspec"},
    "bridge.core": set[str](),
    "reports.model": set[str](),
    "reports.redaction": set[str](),
}
#: Never, whatever the layers say.
FORBIDDEN = [("bridge.server", "bridge.simulator"), ("loadtests", "trio"), ("bridge.core", "bridge.protocol")]
#: Commands put things together that must not know of one another: `--simulate` is one of their options.
COMMANDS = {"bridge.server.cli"}


@cache
def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> tuple[Path, ...]:
    return tuple(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, late and type-only imports included."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{name.name}" for name in node.names if is_module(f"{node.module}.{name.name}"))
    return found


@cache
def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def group_of(module: str) -> str | None:
    """The entry of LAYERS that a module belongs to."""
    parts = module.split(".")
    prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in LAYERS), None)


def in_house(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in PACKAGES and module != "bridge"


def test_every_module_has_a_layer() -> None:
    homeless = [module_of(path) for path in sources() if group_of(module_of(path)) is None]
    assert homeless == ["bridge"]


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_a_module_imports_only_lower_layers_and_its_own_folder(path: Path) -> None:
    module = module_of(path)
    group = group_of(module)
    if group is None:
        assert imports_of(path) == set()
        return
    for name in filter(in_house, imports_of(path)):
        other = group_of(name)
        assert other is not None, f"{module} imports {name}, which has no layer"
        below = LAYERS[other] < layer_of(module, group) and (is_command(module) or not is_command(name))
        assert other == group or below or name == "reports", f"{module} imports {name}"


def layer_of(module: str, group: str) -> int:
    """Commands stand above everything, wherever their folder is."""
    return max(LAYERS.values()) + 1 if is_command(module) else LAYERS[group]


def is_command(module: str) -> bool:
    """Commands are modules named `cli`, or a part of one: `cli_options`."""
    return re.search(r"\.cli(_\w+)?$", module) is not None


@pytest.mark.parametrize("path", [p for p in sources() if group_of(module_of(p)) in ALLOWED_LOW], ids=module_of)
def test_the_lowest_layer_uses_the_standard_library_only(path: Path) -> None:
    allowed = ALLOWED_LOW[group_of(module_of(path)) or ""]
    outside = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - set(PACKAGES)
    assert outside <= allowed, f"{module_of(path)} imports {outside - allowed}"


def test_click_stands_only_in_the_command_modules() -> None:
    users = {module_of(path) for path in sources() if any(name.split(".")[0] == "click" for name in imports_of(path))}
    assert users == {module for module in users if is_command(module)}
    assert "probes.cli" in users


def test_what_is_forbidden_is_not_imported() -> None:
    for path in sources():
        module = module_of(path)
        for who, what in FORBIDDEN:
            if module not in COMMANDS and (module == who or module.startswith(f"{who}.")):
                assert not {name for name in imports_of(path) if name == what or name.startswith(f"{what}.")}


def circles(graph: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Every group of names that reach one another (Tarjan's strongly connected components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(tuple(sorted(group)))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def module_graph() -> dict[str, set[str]]:
    return {
        module: {name for name in imports_of(path) if is_module(name) and name != module and not is_package(name)}
        for path in sources()
        if (module := module_of(path))
    }


def is_package(name: str) -> bool:
    return (ROOT / Path(*name.split("."))).is_dir()


def folder_graph() -> dict[str, set[str]]:
    """Which folder imports which of its siblings; what stands deeper counts for the sibling that it is in."""
    graph: dict[str, set[str]] = {}
    for module, names in module_graph().items():
        for name in names:
            ours, theirs = module.split("."), name.split(".")
            depth = next((k for k, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
            if depth is None:
                continue
            here, there = ".".join(ours[: depth + 1]), ".".join(theirs[: depth + 1])
            if is_package(here) and is_package(there) and not (is_command(module) or is_command(name)):
                graph.setdefault(here, set()).add(there)
    return graph


def test_modules_do_not_import_one_another_in_a_circle() -> None:
    assert len(module_graph()) > 300
    assert circles(module_graph()) == []


def test_folders_side_by_side_do_not_import_one_another_in_a_circle() -> None:
    assert "bridge.core" in folder_graph()["bridge.driver"]
    assert circles(folder_graph()) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]


def test_a_folder_holds_at_most_about_twenty_files() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in sources() if path.name != "__init__.py")
    assert [folder for folder, count in counts.items() if count > 22] == []


def test_a_public_class_name_occurs_once() -> None:
    names = Counter(
        node.name
        for path in sources()
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []
