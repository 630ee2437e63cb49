"""Every form of authentication is tried on its own and reported as working or refused; the best one is recommended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from bridge.config.resolve import Flags
from bridge.transport.http import HttpResponse
from probes.access.auth_forms import FORMS, AuthCredentials
from probes.access.probe import access
from probes.runner.command import ProbeOptions, run_command
from probes.targets.opening import service_opener
from reports.model import Finding, Report, Severity

if TYPE_CHECKING:
    from pathlib import Path

    import trio

At = Callable[..., Any]
CheckAccess = Callable[..., Awaitable[Any]]


def try_all(folder: Path, scenario: str = "good", **flags: Any) -> Report:
    def probe(target: Any) -> Any:
        return access(target, all_auth_forms=True)

    options = ProbeOptions(flags=Flags(timeout=2, **flags), simulate=scenario)
    return run_command("t", probe, options, {}, opener=service_opener(), folder=folder).report


def forms(report: Report) -> dict[str, Finding]:
    return {f.code.removeprefix("ACCESS-AUTH-").lower(): f for f in report.findings if f.check == "auth"}


def working(report: Report) -> set[str]:
    return {name for name, f in forms(report).items() if f.title.startswith("works")}


def test_the_public_service_takes_headers_and_subprotocols_only(tmp_path: Path) -> None:
    report = try_all(tmp_path)
    assert working(report) == {"bearer-key", "bearer-secret", "subprotocols", "subprotocols-agents"}
    assert set(forms(report)) == {form.name for form in FORMS} | {"use"}
    assert forms(report)["use"].title.startswith("use: Authorization: Bearer API-KEY; in a browser: subprotocols")
    assert report.exit_code() == 0


def test_outdated_forms_are_reported_with_the_reason(tmp_path: Path) -> None:
    found = forms(try_all(tmp_path))
    assert "(beta-disabled)" in found["beta-header"].title
    assert "(beta-disabled)" in found["subprotocols-beta"].title
    assert "(key-refused)" in found["session-id-token"].title
    assert "(HTTP 404)" in found["session-path"].title
    assert "(no-key)" in found["authorization-query"].title
    assert "(no-key)" in found["nothing"].title
    assert "(missing-model)" in found["no-model"].title
    assert {found[name].severity for name in ("beta-header", "nothing")} == {Severity.INFO}


def test_azure_takes_its_own_header_and_query(tmp_path: Path) -> None:
    report = try_all(tmp_path, azure=True)
    assert {"api-key-header", "api-key-query"} <= working(report)


def test_when_none_works_that_is_the_failure(tmp_path: Path) -> None:
    report = try_all(tmp_path, "invalid-key")
    assert working(report) == set()
    assert forms(report)["none"].severity is Severity.FAIL


async def test_a_server_without_authentication_is_reported(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    created = {"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}}
    service = fake_service(frames=(created,), on_update=lambda _: [{**created, "type": "session.updated"}])
    result = await check_access(at(await service.serve(nursery), timeout=60), every_form=True)
    assert working(result.report) == {form.name for form in FORMS}
    assert "anyone can use this server" in forms(result.report)["nothing"].title


async def test_without_a_connection_no_form_is_tried(at: At, check_access: CheckAccess) -> None:
    result = await check_access(at("http://127.0.0.1:1/v1"), every_form=True)
    assert forms(result.report) == {}


async def test_no_key_secret_or_id_is_shown(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(answer=lambda request: HttpResponse(403, (), request.target.encode()))
    result = await check_access(at(await service.serve(nursery), timeout=60), every_form=True)
    assert any("api-key=" in request.target for request in service.requests)
    assert "0123456789abcdef" not in str(result.report)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_that_needs_what_was_not_minted_is_left_out(form: Any) -> None:
    attempt = form.build(AuthCredentials(url="ws://h/v1/realtime?model=m", key="sk-1", secret=None, session_id=None))
    needs_mint = {"bearer-secret", "session-id-token", "session-path"}
    assert (attempt is None) == (form.name in needs_mint)


async def test_a_form_is_not_mixed_with_headers_of_the_settings_that_are_forms_themselves(
    check_access: CheckAccess, at: At, fake_service: Any, nursery: trio.Nursery, tmp_path: Path
) -> None:
    settings = tmp_path / "sherpa.toml"
    settings.write_text('[upstream.headers]\nOpenAI-Beta = "realtime=v1"\nX-Team = "blue"\n')
    service = fake_service(answer=lambda _: HttpResponse(403))
    await check_access(at(await service.serve(nursery), timeout=60, config=settings), every_form=True)
    tries = [request for request in service.requests if request.header("upgrade")]
    assert [request.header("x-team") for request in tries] == ["blue"] * 10
    assert len([request for request in tries if request.header("openai-beta")]) == 1
