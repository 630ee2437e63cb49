"""First frames and confirmations of every kind, from servers other than OpenAI's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from reports.model import Severity

if TYPE_CHECKING:
    import trio

At = Callable[..., Any]
CheckAccess = Callable[..., Awaitable[Any]]

CREATED = {"type": "session.created", "session": {"type": "realtime", "id": "sess_1", "audio": {}}}
BETA = {"type": "session.created", "session": {"id": "sess_1", "modalities": ["text", "audio"]}}


def echo(event: dict[str, Any]) -> list[Any]:
    return [{"type": "session.updated", "session": event["session"]}]


async def test_a_healthy_session_is_confirmed(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    result = await check_access(at(await fake_service(frames=(CREATED,), on_update=echo).serve(nursery)))
    assert result.bad() == []
    assert result.check("session").title == "session.created, GA, sess_1"
    assert result.check("confirm").severity is Severity.PASS


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (({"type": "session.started"},), "ACCESS-NOT-REALTIME"),
        (({"type": "transcription.delta"},), "ACCESS-NOT-REALTIME"),
        (({"no": "type"},), "ACCESS-NOT-REALTIME"),
        (("[1]",), "ACCESS-NOT-REALTIME"),
        ((b"\x00\x01",), "ACCESS-NOT-REALTIME"),
        (({"type": "session.created", "session": {"type": "transcription"}},), "ACCESS-WRONG-SESSION"),
        (({"type": "transcription_session.created", "session": {}},), "ACCESS-WRONG-SESSION"),
        (({"type": "error", "error": {"code": "brand_new", "message": "x"}},), "ACCESS-UNKNOWN-ERROR"),
        (({"type": "error"},), "ACCESS-UNKNOWN-ERROR"),
    ],
)
async def test_a_first_frame_that_is_no_good_fails_by_name(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, frames: tuple[Any, ...], code: str
) -> None:
    result = await check_access(at(await fake_service(frames=frames).serve(nursery)))
    assert result.bad() == [("session", code)]


@pytest.mark.parametrize(
    "frame",
    [{"type": "conversation.created", "conversation": {}}, {"type": "session.created", "session": {"id": "s"}}],
)
async def test_a_server_of_unknown_dialect_is_a_warning(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, frame: dict[str, Any]
) -> None:
    result = await check_access(at(await fake_service(frames=(frame,), on_update=echo).serve(nursery)))
    assert result.bad() == [("session", "ACCESS-UNKNOWN-DIALECT")]
    assert result.report.exit_code() == 0
    assert result.report.exit_code(strict=True) == 1


async def test_a_beta_server_is_configured_in_its_own_shape(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    got: list[dict[str, Any]] = []

    def answer(event: dict[str, Any]) -> list[Any]:
        got.append(event)
        return echo(event)

    result = await check_access(at(await fake_service(frames=(BETA,), on_update=answer).serve(nursery)))
    assert result.bad() == [("session", "ACCESS-OTHER-DIALECT")]
    assert got[0]["session"]["modalities"] == ["text"]
    assert "type" not in got[0]["session"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"type": "session.updated", "session": {"type": "realtime", "output_modalities": ["audio"]}},
            "CONFIG-CHANGED",
        ),
        ({"type": "session.updated", "session": {"type": "realtime"}}, "CONFIG-UNSEEN"),
        ({"type": "session.updated"}, "CONFIG-UNSEEN"),
        ({"type": "error", "error": {"code": "unknown_parameter", "param": "session.x"}}, "CONFIG-REFUSED"),
        ({"type": "error", "error": {"code": "session_expired"}}, "SESSION-EXPIRED"),
    ],
)
async def test_what_comes_back_is_held_against_what_was_sent(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, answer: dict[str, Any], expected: str
) -> None:
    service = fake_service(frames=(CREATED,), on_update=lambda _: [{"type": "conversation.created"}, answer])
    result = await check_access(at(await service.serve(nursery)))
    assert result.bad() == [("confirm", f"ACCESS-{expected}")]


async def test_a_refused_configuration_shows_code_and_parameter(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    error = {"type": "error", "error": {"code": "unknown_parameter", "param": "session.x", "message": "no x"}}
    result = await check_access(at(await fake_service(frames=(CREATED,), on_update=lambda _: [error]).serve(nursery)))
    labels = {e.label: e.value for e in result.only().evidence}
    assert (labels["code"], labels["param"], labels["message"]) == ("unknown_parameter", "session.x", "no x")


async def test_another_event_s_error_is_not_taken_for_ours(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    foreign = {"type": "error", "error": {"code": "invalid_value", "event_id": "event_of_somebody_else"}}
    service = fake_service(frames=(CREATED,), on_update=lambda event: [foreign, *echo(event)])
    assert (await check_access(at(await service.serve(nursery)))).bad() == []


@pytest.mark.parametrize(("seconds", "bad"), [(3600, []), (30, [("session", "ACCESS-SESSION-SHORT")])])
async def test_a_session_that_ends_soon_is_a_warning(
    at: At,
    check_access: CheckAccess,
    fake_service: Any,
    nursery: trio.Nursery,
    seconds: int,
    bad: list[tuple[str, str]],
) -> None:
    session = {**CREATED["session"], "expires_at": int(time()) + seconds}  # type: ignore[dict-item] # it is one
    service = fake_service(frames=({"type": "session.created", "session": session},), on_update=echo)
    assert (await check_access(at(await service.serve(nursery)))).bad() == bad
