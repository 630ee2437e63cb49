"""No probe warns about a healthy service, in any of its healthy behaviours and forms."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.config.resolve import Config, DialectChoice, Flags, Setting, read_config
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import DialectMode, Settings
from probes.access.probe import access
from probes.bridge.probe import bridge
from probes.events.bridge import events_bridge
from probes.events.probe import events
from probes.models.probe import models
from probes.runner.redaction import Secrets
from probes.runner.runner import ProbeRun
from probes.targets.service import ServiceTarget, make_service_target
from probes.targets.simulated_bridge import open_simulated_bridge
from probes.targets.simulator import simulator_config
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from probes.runner.findings import ProbeItem

#: The service works, but not always fast.
HEALTHY = ("good", "echo", "far-away", "slow-created")
QUIET = {Severity.PASS, Severity.INFO, Severity.SKIPPED}


@dataclass(frozen=True)
class Form:
    """A form of the service."""

    dialect: DialectChoice = DialectChoice.AUTO
    azure: bool = False
    serves: DialectMode = "ga"


FORMS = {
    "ga": Form(),
    "beta": Form(DialectChoice.BETA, serves="both"),
    "azure": Form(azure=True),
}


def configured(form: Form, folder: Path) -> Config:
    config = read_config(Flags(azure=form.azure or None), {}, folder, with_key=False)
    return replace(config, dialect=Setting(form.dialect, "test"), timeout=Setting(15.0, "test"))


@asynccontextmanager
async def opened(form: Form, scenario: str, folder: Path) -> AsyncGenerator[ServiceTarget, None]:
    config, secrets = configured(form, folder), Secrets()
    async with open_simulator(Settings(dialect=form.serves, pace=10.0)) as running:
        address = running.azure_url if form.azure else running.base_url
        yield make_service_target(simulator_config(config, scenario, address), {}, secrets=secrets, scenario=scenario)


async def alarms(
    name: str, probe: Callable[[ServiceTarget], AsyncGenerator[ProbeItem, None]], target: ServiceTarget
) -> list[str]:
    """Run one probe; return every finding that isn't a success, with the probe's name."""

    @asynccontextmanager
    async def itself() -> AsyncGenerator[ServiceTarget, None]:
        yield target

    run = ProbeRun(tool=name, probe=probe, open_subject=itself, secrets=target.secrets)
    with trio.fail_after(60):
        await run.run()
    if (name, target.upstream.azure) != ("models", True):  # Azure has no list of models, and says so
        assert any(finding.severity is Severity.PASS for finding in run.findings), f"{name} looked at nothing"
    return [f"{name}: {f.code} {f.title}" for f in run.findings if f.severity not in QUIET]


CHECKS: dict[str, Callable[[ServiceTarget], AsyncGenerator[ProbeItem, None]]] = {
    "access": access,
    "models": models,
    "events text": partial(events, script="text"),
    "events manual": partial(events, script="manual"),
    "events function": partial(events, script="function"),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
async def test_a_healthy_service_is_no_reason_to_warn(form: str, tmp_path: Path) -> None:
    found: list[str] = []

    async def run_check(name: str, target: ServiceTarget) -> None:
        found.extend(await alarms(name, CHECKS[name], target))

    async def check_scenario(scenario: str) -> None:
        async with opened(FORMS[form], scenario, tmp_path) as target, trio.open_nursery() as nursery:
            for name in CHECKS:
                nursery.start_soon(run_check, name, target)

    async with trio.open_nursery() as nursery:
        for scenario in HEALTHY:
            nursery.start_soon(check_scenario, scenario)
    assert found == []


@pytest.mark.slow
async def test_a_healthy_service_behind_the_reference_bridge_is_no_reason_either(tmp_path: Path) -> None:
    found: list[str] = []

    async def check_scenario(scenario: str, path: str) -> None:
        config, secrets = configured(Form(), tmp_path), Secrets()
        async with open_simulated_bridge(
            scenario, config, secrets=secrets, on_progress=lambda _: None, path=path
        ) as target:
            for probe in (bridge, partial(events_bridge, script="text")):
                items = [item async for item in probe(target)]
                assert any(getattr(item, "severity", None) is Severity.PASS for item in items)
                found.extend(str(item) for item in items if getattr(item, "severity", Severity.PASS) not in QUIET)

    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            for scenario in HEALTHY:
                for path in ("/api/openai/realtime", "/v1/realtime"):
                    nursery.start_soon(check_scenario, scenario, path)
    assert found == []
