"""The modules of `watch`, which are probes by name or `smoke` for all of them, and its targets by name.

Each run gets a copy of the target with only the settings' own secrets. Client secrets that the run mints are dropped
with the copy; otherwise a watch would collect them for weeks.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge.config.resolve import Setting
from bridge.config.toml_file import did_you_mean
from probes.runner.parallel import run_parallel
from probes.runner.redaction import Secrets
from probes.runner.registry import PROBES
from probes.runner.runner import ProbeRun
from probes.runner.usage import UsageError
from probes.smoke.probe import service_probe, without_duplicates
from probes.targets.service import ServiceTarget, make_service_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bridge.config.resolve import Config
    from probes.runner.findings import ProbeItem

#: The probes of each module, in the order of their requirements.
MODULES: Mapping[str, tuple[str, ...]] = {
    "access": ("access",),
    "models": ("models",),
    "events": ("events",),
    "smoke": ("access", "models", "events"),
}
#: The name of the target that the settings describe.
DEFAULT_TARGET = "default"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TOOL = "sherpa-probe watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSettings:
    """The settings of the probes, apart from their target."""

    require: tuple[str, ...] = ()
    warn_days: int = 60
    script: str = "text"
    verbose: bool = False

    def make_run(self, target: ServiceTarget, modules: Sequence[str]) -> ProbeRun[ServiceTarget]:
        """Make a run of these modules in parallel against this target."""
        names = probes_of(modules)
        more: Mapping[str, Mapping[str, object]] = {
            "models": {"require": self.require, "warn_days": self.warn_days},
            "events": {"script": self.script},
        }

        def probe(at: ServiceTarget) -> AsyncGenerator[ProbeItem, None]:
            return without_duplicates(
                run_parallel([service_probe(name, at, alongside=names, **more.get(name, {})) for name in names])
            )

        fresh = with_fresh_secrets(target)
        return ProbeRun(
            tool=_TOOL,
            probe=probe,
            open_subject=lambda: nullcontext(fresh),
            secrets=fresh.secrets,
            verbose=self.verbose,
        )


def probes_of(modules: Sequence[str]) -> tuple[str, ...]:
    """Return the probes of these modules, each once, in the registry's order."""
    wanted = {name for module in modules for name in MODULES[module]}
    return tuple(name for name in PROBES if name in wanted)


def check_modules(modules: Sequence[str]) -> None:
    """Raise UsageError for an unknown module."""
    for module in modules:
        if module not in MODULES:
            raise UsageError(f"--module: unknown module {module!r}{did_you_mean(module, dict(MODULES))}")


def with_fresh_secrets(target: ServiceTarget) -> ServiceTarget:
    """Return a copy of the target that knows only the secrets of the settings."""
    secrets = Secrets(target.config.secrets())
    if target.proxy is not None and target.proxy.authorization is not None:
        secrets.add(target.proxy.authorization)
    return replace(target, secrets=secrets)


def named_targets(arguments: Sequence[str], config: Config, environment: Mapping[str, str]) -> dict[str, ServiceTarget]:
    """Make the targets of `NAME=URL`: the settings with another base URL. Raises UsageError and ConfigError."""
    targets: dict[str, ServiceTarget] = {}
    for text in arguments:
        name, equals, url = text.partition("=")
        if not equals or not url or not _NAME.fullmatch(name):
            raise UsageError(f"--target: {text!r} is not NAME=URL. Example: --target staging=https://HOST/v1")
        if name in targets or name == DEFAULT_TARGET:
            raise UsageError(f"--target: two targets have the name {name}")
        at = replace(config, base_url=Setting(url, f"--target {name}"))
        targets[name] = make_service_target(at, environment, secrets=Secrets(config.secrets()))
    return targets
