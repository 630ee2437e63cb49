"""The rules of deploy/prometheus: they ask for what the bridge has, and ring when promtool's tests say so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge.telemetry.metric_table import METRICS, PREFIX

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "sherpa-bridge.rules.yaml"


def rules() -> list[dict[str, Any]]:
    return [rule for group in YAML(typ="safe").load(RULES)["groups"] for rule in group["rules"]]


def test_the_rules_ask_for_metrics_and_buckets_that_there_are() -> None:
    text = " ".join(rule["expr"] for rule in rules())
    names = {re.sub(r"_(bucket|count)$", "", name) for name in re.findall(rf"{PREFIX}(\w+)", text)}
    assert names == {
        "sessions_ready_total",
        "sessions_failed_total",
        "ready_seconds",
        "first_audio_seconds",
        "forward_seconds",
        "barge_in_seconds",
    }
    assert names <= set(METRICS)
    limits = set(re.findall(rf'{PREFIX}(\w+)_bucket{{le="([^"]+)"}}', text))
    assert len(limits) == 4
    for name, limit in limits:
        assert limit in map(str, METRICS[name].buckets), name


def test_every_objective_has_a_budget_and_every_window() -> None:
    recorded = {(rule["record"], rule["labels"]["slo"]) for rule in rules() if "record" in rule}
    objectives = {slo for name, slo in recorded if name == "sherpa_bridge:slo_error_budget:ratio"}
    windows = {f"sherpa_bridge:slo_errors:ratio_rate{window}" for window in ("5m", "30m", "1h", "6h")}
    assert recorded - {("sherpa_bridge:slo_error_budget:ratio", slo) for slo in objectives} == {
        (window, slo) for window in windows for slo in objectives
    }


def test_alerts_and_dashboard_read_only_what_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    panels = json.loads((ROOT / "docs" / "grafana-sherpa-bridge.json").read_text())["panels"]
    texts = [target["expr"] for panel in panels for target in panel["targets"]]
    texts += [rule["expr"] for rule in rules() if "alert" in rule]
    read = set(re.findall(r"sherpa_bridge:[\w:]+", " ".join(texts)))
    assert read
    assert read <= recorded


def test_promtool_finds_the_rules_valid_and_their_tests_pass() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    for words in (["check", "rules", RULES.name], ["test", "rules", "sherpa-bridge.rules.test.yaml"]):
        done = subprocess.run([promtool, *words], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
