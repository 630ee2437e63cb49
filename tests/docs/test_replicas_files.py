"""The manifest of two bridges in a cluster: its paths are those that the sessions of its pods have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.server.fallback.sessions import process_name

FILE = Path(__file__).parents[2] / "docs" / "replicas.kubernetes.yaml"


def test_each_pod_has_its_service_and_the_path_of_its_sessions() -> None:
    parts: list[dict[str, Any]] = list(YAML(typ="safe").load_all(FILE.read_text()))
    [pods] = [one for one in parts if one["kind"] == "StatefulSet"]
    [ingress] = [one for one in parts if one["kind"] == "Ingress"]
    services = {one["metadata"]["name"]: one["spec"]["selector"] for one in parts if one["kind"] == "Service"}
    *routes, rest = ingress["spec"]["rules"][0]["http"]["paths"]
    names = [f"{pods['metadata']['name']}-{number}" for number in range(pods["spec"]["replicas"])]
    assert len(routes) == len(names)
    for name, route in zip(names, routes, strict=True):
        assert route["backend"]["service"]["name"] == name
        assert services[name] == {"statefulset.kubernetes.io/pod-name": name}
        session = f"{FALLBACK_PATH}/{process_name(name, 3)}.AAAA/events"
        assert [one for one in routes if re.match(one["path"], session)] == [route]
    assert (rest["path"], rest["backend"]["service"]["name"]) == ("/", pods["spec"]["serviceName"])
