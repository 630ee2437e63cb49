"""The files of deploy/: what they run is a command of ours with settings that it knows, and they say the same version.

What needs the real programs is in tests/strangers: systemd, nginx, HAProxy, Helm.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge.config.resolve import Flags
from bridge.server.cli import cli as bridge_cli
from bridge.server.config.resolve import BridgeFlags, read_bridge_settings, unknown_variables
from bridge.simulator.cli import cli as simulator_cli
from probes.cli import cli as probe_cli

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
COMMANDS = {"sherpa-bridge": bridge_cli, "sherpa-sim": simulator_cli, "sherpa-probe": probe_cli}


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def check_command(words: list[str]) -> dict[str, Any]:
    """Parse a command line as the command itself does; return its options."""
    tool, name, *arguments = words
    return dict(COMMANDS[tool].commands[name].make_context(name, list(arguments)).params)


def compose() -> Any:
    return load(DEPLOY / "compose" / "compose.yaml")


@pytest.mark.parametrize("service", ["simulator"])
def test_compose_runs_commands_that_exist(service: str) -> None:
    assert check_command(compose()["services"][service]["command"])["host"] == "0.0.0.0"


def test_the_bridge_of_compose_has_valid_settings_and_reaches_the_simulator(tmp_path: Path) -> None:
    given = compose()["services"]["bridge"]["environment"]
    environment = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)) for name, value in given.items()}
    image = dict(re.findall(r"(SHERPA_BRIDGE_\w+)=(\S+)", (DEPLOY / "Containerfile").read_text()))
    settings = read_bridge_settings(BridgeFlags(options={}, upstream=Flags()), {**image, **environment}, tmp_path)
    assert unknown_variables(environment) == ()
    assert (settings.host, settings.port) == ("0.0.0.0", 8765)
    assert settings.clients.token is not None
    assert settings.admin is not None
    assert settings.admin.token is not None
    assert settings.upstream.base_url.value == "http://simulator:8766/v1"


def test_prometheus_scrapes_the_admin_port_with_its_token_and_every_file_exists() -> None:
    services, configs = compose()["services"], compose()["configs"]
    (job,) = load(DEPLOY / "compose" / "prometheus.yml")["scrape_configs"]
    targets = {one["target"]: one["source"] for one in services["prometheus"]["configs"]}
    assert targets[job["authorization"]["credentials_file"]] == "admin-token"
    assert job["static_configs"][0]["targets"] == ["bridge:9465"]
    files = [DEPLOY / "compose" / one["file"] for one in configs.values() if "file" in one]
    assert all(file.exists() for file in files)


def test_nothing_of_compose_is_reached_from_other_machines() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def units() -> list[Path]:
    return sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", units(), ids=lambda path: path.name)
def test_units_run_commands_that_exist(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=/opt/sherpa-realtime/bin/(.*)$", unit.read_text(), re.MULTILINE)
    check_command(shlex.split(line))


def test_the_image_has_an_unprivileged_user_and_a_command_that_exists() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    final = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    (command,) = re.findall(r"^CMD (\[.*\])$", final, re.MULTILINE)
    check_command(json.loads(command))
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_the_folder_of_the_build_holds_what_is_copied_and_nothing_secret() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    text = (DEPLOY / "Containerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    assert allowed == copied
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9/"])
def test_the_health_check_fails_if_nothing_answers_and_passes_if_it_is_switched_off(url: str) -> None:
    done = subprocess.run(
        [sys.executable, str(DEPLOY / "healthcheck.py")],
        env={"SHERPA_HEALTH_URL": url}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == (1 if url else 0)


def test_chart_image_and_compose_have_the_version_of_the_package() -> None:
    chart = load(DEPLOY / "chart" / "sherpa-bridge" / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    assert compose()["services"]["bridge"]["image"] == f"sherpa-realtime:{VERSION}"


def test_every_value_of_the_chart_is_in_its_schema() -> None:
    folder = DEPLOY / "chart" / "sherpa-bridge"
    schema, values = json.loads((folder / "values.schema.json").read_text()), load(folder / "values.yaml")
    assert set(values) | {"global"} == set(schema["properties"])
    for name, inner in values.items():
        known = schema["properties"][name].get("properties")
        assert known is None or set(inner) == set(known)
