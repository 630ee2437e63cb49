"""The files for several machines: their commands exist, and their parts can reach each other."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from loadtests.cli import cli
from loadtests.scenarios.table import SCENARIOS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "load"


def parts(file: str) -> dict[str, list[str]]:
    """Return the command of each container by its name."""
    documents: list[Any] = list(YAML(typ="safe").load_all(FOLDER / file))
    if file == "compose.yaml":
        return {name: shlex.split(service["command"]) for name, service in documents[0]["services"].items()}
    pods = [one["spec"]["template"]["spec"]["containers"] for one in documents if "template" in one["spec"]]
    return {one["name"]: [*one["command"], *one["args"]] for containers in pods for one in containers}


FILES = pytest.mark.parametrize("file", ["compose.yaml", "kubernetes.yaml"])


@FILES
def test_the_master_is_a_command_that_exists(file: str) -> None:
    tool, command, scenario, *words = parts(file)["master"]
    assert (tool, scenario in SCENARIOS) == ("sherpa-load", True)
    known = {option for parameter in cli.commands[command].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert "--master" in words


@FILES
def test_workers_run_our_file_for_the_masters_scenario_and_know_where_it_is(file: str) -> None:
    said = parts(file)
    worker = said["worker"]
    assert worker[0] == "locust"
    assert (ROOT / worker[worker.index("-f") + 1]).exists()
    assert worker[worker.index("--scenario") + 1] == said["master"][2]
    host = worker[worker.index("--master-host") + 1]
    documents = list(YAML(typ="safe").load_all(FOLDER / file))
    services = documents[0].get("services") or {one["metadata"]["name"]: one for one in documents}
    assert host in services


@FILES
def test_as_many_workers_are_waited_for_as_are_started(file: str) -> None:
    documents = list(YAML(typ="safe").load_all(FOLDER / file))
    master = parts(file)["master"]
    if file == "compose.yaml":
        started = documents[0]["services"]["worker"]["deploy"]["replicas"]
    else:
        started = documents[-1]["spec"]["replicas"]
    assert int(master[master.index("--expect-workers") + 1]) == started
