"""No scenario of the simulator makes a probe show a secret: not in text, JSON, logs or report files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Flags
from bridge.simulator.faults.scenarios import SCENARIOS
from probes.access.probe import access
from probes.runner.command import ProbeOptions, run_command
from probes.runner.output import show_result
from probes.runner.redaction import Secrets
from probes.targets.opening import service_opener

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from probes.targets.service import ServiceTarget
    from reports.model import Finding
    from reports.redaction import Secret


class Noting(Secrets):
    """Passes on the secrets that are added, and records them."""

    def __init__(self, inner: Secrets, met: list[str]) -> None:
        self.inner, self.met = inner, met
        super().__init__()

    def add(self, secret: Secret) -> None:
        self.met.append(secret.reveal())
        self.inner.add(secret)

    def redact(self, text: str) -> str:
        return self.inner.redact(text)


def pieces(secret: str, scenario: str) -> set[str]:
    """Return all parts of 12 characters, without those of the scenario's name, which is part of its key."""
    found = {secret[at : at + 12] for at in range(max(1, len(secret) - 11))}
    return {piece for piece in found if piece not in f"-{scenario}"}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_scenario_gets_a_piece_of_a_secret_shown(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    met: list[str] = []

    async def probe(target: ServiceTarget) -> AsyncGenerator[Finding, None]:
        met.append(target.upstream.api_key.reveal())
        noting = replace(target, secrets=Noting(target.secrets, met))
        async for finding in access(noting, all_auth_forms=True):
            yield finding

    options = ProbeOptions(
        flags=Flags(timeout=0.3), simulate=scenario, verbose=True, reports=(f"json={tmp_path / 'report.json'}",)
    )
    outcome = run_command("sherpa-probe access", probe, options, {}, opener=service_opener(), folder=tmp_path)
    for json, verbose in ((False, False), (False, True), (True, False)):
        show_result(outcome, json=json, verbose=verbose, environment={})
    out, err = capsys.readouterr()
    everything = (out + err + (tmp_path / "report.json").read_text()).lower()
    assert "PROBE-CRASHED" not in out
    assert "/v1/models" in err  # the log of the REST calls is part of what is looked at
    minted = "client secret …" in out
    assert len(met) == (2 if minted else 1)
    assert [p for secret in met for p in pieces(secret.lower(), scenario) if p in everything] == []
