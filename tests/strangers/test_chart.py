"""The chart with the real Helm, its output against Kubernetes' schemas, and the bridge with the settings it sets."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from bridge.config.resolve import Flags
from bridge.server.cli import cli as bridge_cli
from bridge.server.config.resolve import BridgeFlags, read_bridge_settings, unknown_variables
from tests.strangers.programs import ROOT, need

if TYPE_CHECKING:
    from pathlib import Path

CHART = ROOT / "deploy" / "chart" / "sherpa-bridge"
VARIANTS = {
    "default": (),
    "simulated": ("simulate=true",),
    "everything": (
        *(
            "ingress.enabled=true",
            "ingress.className=nginx",
            "ingress.tlsSecret=voice-tls",
            "networkPolicy.enabled=true",
        ),
        *("metrics.serviceMonitor=true", "extraEnv[0].name=A", "extraEnv[0].value=b", "imagePullSecrets[0].name=pull"),
        *("nodeSelector.a=b", "tolerations[0].operator=Exists", "podAnnotations.a=b"),
    ),
}
KUBERNETES = ("1.27", "1.33")


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([need("helm"), *words], capture_output=True, text=True, timeout=120, check=False)


def rendered(*values: str) -> str:
    done = helm("template", "r", str(CHART), *(word for value in values for word in ("--set", value)))
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text: str) -> list[dict[str, Any]]:
    return [one for one in YAML(typ="safe").load_all(text) if one]


def test_helm_finds_nothing() -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_kubernetes_takes_every_object(variant: str, version: str, tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(rendered(*VARIANTS[variant]))
    words = [need("kubernetes-validate"), "--strict", "-k", version, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("INFO")]
    assert [line for line in said if "ServiceMonitor" not in line] == []  # not one of Kubernetes' own
    assert done.returncode == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_bridge_takes_the_settings_of_its_pod(variant: str, tmp_path: Path) -> None:
    found = objects(rendered(*VARIANTS[variant]))
    (container,) = next(one for one in found if one["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"]
    settings_file = next(one for one in found if one["kind"] == "ConfigMap")["data"]["sherpa.toml"]
    (tmp_path / "sherpa.toml").write_text(settings_file)
    words = [word.replace("/etc/sherpa-realtime", str(tmp_path)) for word in container["args"]]
    serve = bridge_cli.commands["serve"]
    given = serve.make_context("serve", words).params
    environment = {one["name"]: one.get("value") or f"sk-{'a1b2' * 8}"[:36] for one in container["env"]}
    simulate, config = given.pop("simulate"), given.pop("config")
    upstream = Flags(config=config)
    options = {name: value for name, value in given.items() if name not in {"upstream", "dialect", "model"}}
    settings = read_bridge_settings(
        BridgeFlags(options=options, upstream=upstream, simulate=simulate), environment, tmp_path
    )
    assert unknown_variables(environment) == ()
    assert settings.host == "0.0.0.0"
    assert (settings.clients.token is None) == (variant == "simulated")
    assert settings.drain_seconds == 30


@pytest.mark.parametrize("wrong", ["replicas=two", "image.digest=sha256:12", "metrics.port=8765", "replicsa=1"])
def test_wrong_values_are_refused(wrong: str) -> None:
    done = helm("template", "r", str(CHART), "--set", wrong)
    assert done.returncode != 0
    assert re.search("schema|valid|additional", done.stderr)
