"""The probe `models` against the simulator and other servers: one request, one cause, no guesses."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bridge.transport.http import HttpResponse, json_response
from probes.models.probe import models
from probes.runner.redaction import Secrets
from probes.runner.runner import ProbeRun
from probes.targets.simulator import open_simulated_target
from reports.model import Finding, Report, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.targets.service import ServiceTarget

DAY = date(2026, 11, 10)
At = Any
Complete = Any

#: Each failure of the request, and the code it leads to.
FAILING = {
    "invalid-key": ("key", "MODELS-KEY-REFUSED"),
    "wrong-country": ("key", "MODELS-COUNTRY-REFUSED"),
    "gateway-502": ("key", "MODELS-GATEWAY-FAILED"),
    "no-model": ("realtime", "MODELS-NO-REALTIME-MODELS"),
}


async def run_probe(target: ServiceTarget, **more: Any) -> Report:
    run = ProbeRun(
        tool="t",
        probe=partial(models, today=DAY, **more),
        open_subject=lambda: nullcontext(target),
        secrets=target.secrets,
    )
    with trio.fail_after(20):
        await run.run()
    return run.report()


async def at_scenario(name: str, config: Any, **more: Any) -> Report:
    async with open_simulated_target(name, config, secrets=Secrets()) as target:
        return await run_probe(target, **more)


def bad(report: Report) -> list[tuple[str, str]]:
    return [(f.check, f.code) for f in report.findings if f.severity in (Severity.FAIL, Severity.ERROR)]


def rows(report: Report) -> list[tuple[str, Severity]]:
    return [(finding.check, finding.severity) for finding in report.findings]


@pytest.mark.parametrize("name", FAILING)
async def test_each_refusal_leads_to_its_one_finding_and_the_rest_is_skipped(
    at: At, name: str, assert_is_complete: Callable[[Finding], None]
) -> None:
    report = await at_scenario(name, at("http://localhost/v1").config, require=["gpt-realtime"])
    assert bad(report) == [FAILING[name]]
    behind = report.findings[[finding.check for finding in report.findings].index(FAILING[name][0]) + 1 :]
    assert behind
    assert {finding.severity for finding in behind} == {Severity.SKIPPED}
    for finding in report.findings:
        if finding.severity is Severity.FAIL:
            assert_is_complete(finding)


async def test_a_healthy_key_passes_every_row_without_a_warning(at: At) -> None:
    report = await at_scenario("good", at("http://localhost/v1").config)
    assert rows(report) == [
        (check, Severity.PASS) for check in ("key", "realtime", "transcription", "translation", "retiring", "model")
    ]
    assert report.findings[1].title == "8 usable: gpt-realtime-2.1, gpt-realtime-2.1-mini, gpt-realtime-2, …"
    assert {m.name: m.value for m in report.metrics}["models_realtime_total"] == 8


async def test_what_is_required_is_judged_one_by_one(at: At) -> None:
    wanted = ["gpt-realtime-2.1", "gpt-live-transcribe", "gpt-realtime-2.1-mni", "gpt-realtime-2.1"]
    report = await at_scenario("good", at("http://localhost/v1").config, require=wanted)
    required = [finding for finding in report.findings if finding.check == "require"]
    assert [finding.severity for finding in required] == [Severity.PASS, Severity.PASS, Severity.FAIL]
    assert required[2].fix == "sherpa-probe models --require gpt-realtime-2.1-mini"
    assert report.exit_code() == 1


async def test_a_server_without_a_list_is_noted_and_a_required_model_cannot_be_checked(
    at: At, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(answer=lambda _: json_response(404, {"error": {"message": "nothing here"}}))
    target = at(await service.serve(nursery))
    report = await run_probe(target)
    assert {severity for _, severity in rows(report)} == {Severity.SKIPPED}
    assert report.exit_code() == 3, "nothing was looked at, so nothing passed"
    report = await run_probe(target, require=["gpt-realtime-2.1"])
    assert bad(report) == [("require", "MODELS-REQUIRED-UNTOLD")]
    assert report.exit_code() == 3


async def test_on_azure_nothing_is_asked_and_nothing_passes(at: At, fake_service: Any, nursery: trio.Nursery) -> None:
    service = fake_service()
    report = await run_probe(at(await service.serve(nursery), azure=True), require=["my-deployment"])
    assert service.requests == []
    assert Severity.PASS not in {severity for _, severity in rows(report)}
    (untold,) = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    assert untold.fix == "sherpa-probe access --azure --model my-deployment"


async def test_a_list_that_never_comes_ends_with_the_time_out(at: At, listen: Any) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await trio.sleep_forever()

    port = await listen(silent)
    report = await run_probe(at(f"http://127.0.0.1:{port}/v1", timeout=0.1))
    assert bad(report) == [("key", "MODELS-LIST-NO-ANSWER")]
    assert report.exit_code() == 3


async def test_a_refused_connection_is_an_error_not_a_failure(at: At) -> None:
    report = await run_probe(at("http://127.0.0.1:9/v1"))
    assert bad(report) == [("key", "MODELS-NOTHING-LISTENING")]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": 3}', b'{"data": [{"id": 3}, null]}', b"\xff\xfe", b"<html>"])
async def test_an_answer_that_is_no_list_breaks_nothing(
    at: At, fake_service: Any, nursery: trio.Nursery, body: bytes
) -> None:
    service = fake_service(answer=lambda _: HttpResponse(200, (), body))
    report = await run_probe(at(await service.serve(nursery)))
    assert not [finding for finding in report.findings if finding.code == "PROBE-CRASHED"]
    assert "PASS" not in {finding.severity.name for finding in report.findings[1:]}
