"""Modules and targets of a watch by name; a run keeps nothing of the run before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from bridge.config.resolve import ConfigError
from probes.runner.redaction import Secrets
from probes.runner.registry import PROBES
from probes.runner.usage import UsageError
from probes.targets.simulator import open_simulated_target
from probes.watch.modules import MODULES, ModuleSettings, check_modules, named_targets, probes_of, with_fresh_secrets
from reports.model import Severity
from reports.redaction import Secret

if TYPE_CHECKING:
    from probes.targets.service import ServiceTarget

At = Any
KEY = "sk-proj-0123456789abcdefghijKLMN"


def test_modules_are_probes_by_name_each_once_and_in_order() -> None:
    assert probes_of(["models", "access"]) == ("access", "models")
    assert probes_of(["models", "models"]) == ("models",)
    assert {name for names in MODULES.values() for name in names} <= set(PROBES)


def test_a_module_that_there_is_not_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="unknown module 'acces'; did you mean access"):
        check_modules(["models", "acces"])


async def test_a_run_checks_all_modules_and_the_needs_among_them_hold(at: At) -> None:
    config = at("http://localhost/v1").config
    async with open_simulated_target("invalid-key", config, secrets=Secrets()) as target:
        run = ModuleSettings().make_run(target, ("access", "models"))
        with trio.fail_after(10):
            await run.run()
        found = [(f.probe, f.check, f.severity) for f in run.findings]
        assert ("access", "key", Severity.FAIL) in found
        assert ("models", "all", Severity.SKIPPED) in found

        alone = ModuleSettings(require=("no-such",)).make_run(target, ("models",))
        with trio.fail_after(10):
            await alone.run()
        assert [f.code for f in alone.findings if f.severity is Severity.FAIL] == ["MODELS-KEY-REFUSED"]


async def test_what_a_run_learns_is_forgotten_with_it(at: At) -> None:
    config = at("http://localhost/v1").config
    async with open_simulated_target("good", config, secrets=Secrets()) as target:
        for _ in range(3):
            run = ModuleSettings().make_run(target, ("access",))
            with trio.fail_after(10):
                await run.run()
            assert len(run.secrets._known) == 2  # the key, and the client secret of this run
        assert len(target.secrets._known) == 0


def test_a_fresh_target_still_hides_key_and_proxy(at: At) -> None:
    target = at("https://api.example.com/v1", environment={"HTTPS_PROXY": "http://user:longSecretWord9@proxy:1"})
    target.secrets.add(Secret("ek_minted_long_before_0123456789"))
    hidden = with_fresh_secrets(target).secrets.redact(
        f"{KEY} {target.proxy.authorization.reveal()} and minted_long_before"
    )
    assert KEY not in hidden
    assert target.proxy.authorization.reveal() not in hidden
    assert "minted_long_before" in hidden


def named(at: At, *arguments: str) -> dict[str, ServiceTarget]:
    return named_targets(arguments, at("https://api.example.com/v1").config, {})


def test_named_targets_are_the_settings_at_another_address(at: At) -> None:
    targets = named(at, "staging=https://staging.example.com/v1", "azure=https://x.openai.azure.com")
    assert {name: target.upstream.base_url for name, target in targets.items()} == {
        "staging": "https://staging.example.com/v1",
        "azure": "https://x.openai.azure.com/openai/v1",
    }
    assert {target.upstream.api_key.reveal() for target in targets.values()} == {KEY}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["staging"], "is not NAME=URL"),
        (["=https://x/v1"], "is not NAME=URL"),
        (["a b=https://x/v1"], "is not NAME=URL"),
        (["a=https://x/v1", "a=https://y/v1"], "two targets have the name a"),
        (["default=https://x/v1"], "two targets have the name default"),
    ],
)
def test_a_target_that_is_not_name_and_url_is_refused(at: At, arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        named(at, *arguments)


def test_an_invalid_url_is_reported_with_its_option(at: At) -> None:
    with pytest.raises(ConfigError, match="--target a: "):
        named(at, "a=ftp://x")
