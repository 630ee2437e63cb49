"""The connector against the simulator: in memory, and over real sockets where minting is the point."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trio.testing

from bridge.core.events import SessionConfigured, SessionCreated, UpstreamError
from bridge.protocol.dialects.detection import Dialect
from bridge.simulator.faults.actions import CloseFrame, Freeze
from bridge.transport.http import HttpRequest, HttpResponse, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_connection
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.dial.dial import DialFailed, DialPhase, FailureReason
from bridge.upstream.failures import ConnectFailed, UpstreamClosed
from bridge.upstream.realtime_link import CLOSE_WAIT_SECONDS
from bridge.upstream.rest import make_upstream
from reports.redaction import Secret
from tests.driver.harness import simulated_upstream, virtual_time
from tests.upstream.harness import PulledLink, opened

if TYPE_CHECKING:
    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.service import UpstreamService

KEY = Secret("sk-simulated-0000000000000000")


def at(base_url: str = "http://upstream.test/v1", key: Secret = KEY, **more: Any) -> UpstreamService:
    return make_upstream(base_url, key, **more)


async def configured(
    link: PulledLink, session_options: dict[str, Any] | None = None
) -> tuple[SessionCreated, SessionConfigured]:
    """Take a link through its beginning."""
    created = await link.receive()
    link.configure(session_options or {}, {})
    confirmed = await link.receive()
    assert isinstance(created, SessionCreated)
    assert isinstance(confirmed, SessionConfigured)
    return created, confirmed


async def until_over(link: PulledLink) -> UpstreamClosed:
    try:
        while True:
            await link.receive()
    except UpstreamClosed as over:
        return over


@virtual_time
async def test_a_session_is_opened_and_configured() -> None:
    async with simulated_upstream() as (_, connector), trio.open_nursery() as reading:
        link = await opened(reading, connector, 4, {})
        created, confirmed = await configured(link, {"voice": "echo", "turnDetection": "none"})
        await link.close("done")
    assert (created.generation, created.dialect, created.model) == (4, "ga", "gpt-realtime-2.1")
    assert created.expires_at == pytest.approx(3600, abs=5)
    audio = confirmed.body["session"]["audio"]
    assert (audio["output"]["voice"], audio["input"]["turn_detection"]) == ("echo", None)


@virtual_time
async def test_audio_events_and_frames_go_up_as_they_are() -> None:
    async with simulated_upstream() as (simulator, connector), trio.open_nursery() as reading:
        link = await opened(reading, connector, 1, {})
        await configured(link)
        link.send_audio(b"\1\2" * 480)
        link.send_event({"type": "input_audio_buffer.clear"})
        link.send_frame(b'{"type":"input_audio_buffer.clear"}')
        await trio.sleep(1)
        record = next(iter(simulator.journal.sessions()))
        await link.close("done")
    assert [arrived.type for arrived in record.events][1:] == [
        "input_audio_buffer.append",
        "input_audio_buffer.clear",
        "input_audio_buffer.clear",
    ]
    assert record.audio_bytes == 960


@virtual_time
async def test_an_error_about_audio_names_the_event_that_held_it() -> None:
    async with simulated_upstream() as (_, connector), trio.open_nursery() as reading:
        link = await opened(reading, connector, 1, {})
        await configured(link)
        link.send_audio(b"\1\2\3", 'odd "one"\u00e9')
        error = await link.receive()
        await link.close("done")
    assert isinstance(error, UpstreamError)
    assert error.upstream["event_id"] == 'odd "one"\u00e9'


@virtual_time
async def test_speech_before_an_answered_ping_is_acknowledged() -> None:
    async with simulated_upstream() as (simulator, connector), trio.open_nursery() as reading:
        link = await opened(reading, connector, 1, {})
        await configured(link)
        reading.start_soon(until_over, link)
        link.send_audio(b"\1\2" * 480)
        link.ping()
        link.send_audio(b"\1\2" * 240)
        assert (link.acknowledged_bytes, link.pings_outstanding) == (0, 1)
        await trio.sleep(1)
        assert (link.acknowledged_bytes, link.pings_outstanding) == (960, 0)
        for connection in simulator.connections.values():
            connection.perform(Freeze())
        await trio.sleep(1)
        link.ping()
        await trio.sleep(1)
        assert (link.acknowledged_bytes, link.pings_outstanding) == (960, 1)
        reading.cancel_scope.cancel()


@virtual_time
async def test_a_transcription_session_has_its_own_address() -> None:
    async with simulated_upstream() as (simulator, connector), trio.open_nursery() as reading:
        link = await opened(reading, connector, 1, {"kind": "transcription"})
        _, confirmed = await configured(link, {"kind": "transcription"})
        assert next(iter(simulator.journal.sessions())).kind == "transcription"
        await link.close("done")
    assert confirmed.body["session"]["type"] == "transcription"


@virtual_time
async def test_the_end_of_the_socket_is_explained() -> None:
    async with simulated_upstream() as (simulator, connector), trio.open_nursery() as reading:
        link = await opened(reading, connector, 1, {})
        created, _ = await configured(link)
        for connection in simulator.connections.values():
            connection.perform(CloseFrame(1001, ""))
        over = await until_over(link)
        assert link.send_audio(b"\0\0")  # dropped: the session is over
        link.ping()
        assert link.pings_outstanding == 0
    assert over.failure.detail == {"refusal": "GOING-AWAY", "closeCode": 1001, "sessionId": created.session_id}


#: What a scenario of the simulator comes to: when opening, or with the first frames.
REFUSALS = {
    "invalid-key": ("AUTHENTICATION_FAILED", False),
    "no-quota": ("QUOTA_EXHAUSTED", False),
    "credit-exhausted": ("QUOTA_EXHAUSTED", False),
    "model-gone": ("MODEL_NOT_AVAILABLE", False),
    "invalid-model": ("MODEL_NOT_AVAILABLE", False),
    "beta-refused": ("DIALECT_REFUSED", False),
    "session-limited": ("RATE_LIMITED", True),
    "server-error": ("UPSTREAM_UNAVAILABLE", True),
    "session-expired": ("SESSION_EXPIRED", True),
    "handshake-401": ("AUTHENTICATION_FAILED", False),
    "handshake-403": ("ACCESS_DENIED", False),
    "handshake-429": ("RATE_LIMITED", True),
    "handshake-500": ("UPSTREAM_UNAVAILABLE", True),
    "handshake-503": ("UPSTREAM_UNAVAILABLE", True),
    "gateway-502": ("UPSTREAM_UNAVAILABLE", True),
    "early-eof": ("UPSTREAM_UNAVAILABLE", True),
    "wrong-accept": ("UPSTREAM_UNAVAILABLE", True),
    "not-http": ("UPSTREAM_UNAVAILABLE", True),
    "garbage-frame": ("UPSTREAM_UNAVAILABLE", True),
    "invalid-utf8": ("UPSTREAM_UNAVAILABLE", True),
    "dropped": ("CONNECTION_LOST", True),
    "reset": ("CONNECTION_LOST", True),
    "closed-1000": ("CONNECTION_LOST", True),
    "closed-1001": ("CONNECTION_LOST", True),
    "closed-1013": ("UPSTREAM_UNAVAILABLE", True),
    "update-refused": ("DIALECT_REFUSED", False),
}


@pytest.mark.parametrize("scenario", REFUSALS)
@virtual_time
async def test_every_refusal_becomes_a_failure(scenario: str) -> None:
    key = Secret(f"sk-scenario-{scenario}-0123456789abcdef")
    async with simulated_upstream(key=key) as (_, connector), trio.open_nursery() as reading:
        try:
            link = await opened(reading, connector, 1, {})
        except ConnectFailed as failed:
            failure = failed.failure
        else:
            failure = await _first_failure(link)
            await link.close("done")
    assert (failure.code, failure.retryable) == REFUSALS[scenario]
    assert key.reveal() not in str(failure)


async def _first_failure(link: PulledLink) -> Any:
    try:
        await link.receive()
        link.configure({}, {})
    except UpstreamClosed as over:
        return over.failure
    return (await until_over(link)).failure


@virtual_time
async def test_a_refusal_comes_with_the_close_behind_it() -> None:
    async with (
        simulated_upstream(key=Secret("sk-scenario-invalid-model-0123456789abcdef")) as (_, connector),
        trio.open_nursery() as reading,
    ):
        link = await opened(reading, connector, 1, {})
        began = trio.current_time()
        over = await until_over(link)
        assert trio.current_time() - began < CLOSE_WAIT_SECONDS
    detail = over.failure.detail
    assert (detail["closeCode"], detail["closeReason"]) == (4000, "invalid_request_error.invalid_model")
    assert detail["upstream"]["param"] == "model"


@virtual_time
async def test_a_refusal_without_a_close_is_told_after_a_moment() -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "code": "odd", "message": "No."}}

    async def refuse(upgrade: WebSocketUpgrade) -> None:
        link = await upgrade.accept()
        await link.send_text(msgspec.json.encode(refusal))
        await link.receive()

    async with trio.open_nursery() as nursery:

        async def open_stream(_: ParsedUrl) -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(partial(serve_connection, theirs, http=no_pages, websocket=refuse))
            return ours

        connector = RealtimeConnector(at(), open_stream=open_stream, environment={})
        link = await opened(nursery, connector, 1, {})
        began = trio.current_time()
        over = await until_over(link)
        assert trio.current_time() - began == pytest.approx(CLOSE_WAIT_SECONDS)
        assert over.failure.detail == {
            "refusal": over.failure.detail["refusal"],
            "code": "odd",
            "upstream": refusal["error"],
        }
        nursery.cancel_scope.cancel()


async def no_pages(_: HttpRequest) -> HttpResponse:
    return text_response(404, "no pages")


@virtual_time
async def test_a_wait_that_the_upstream_asks_for_is_passed_on() -> None:
    async with simulated_upstream(key=Secret("sk-scenario-handshake-429")) as (_, connector):
        with pytest.raises(ConnectFailed) as raised:
            await connector.open(1, {})
    assert raised.value.failure.retry_after_seconds == 7


async def test_an_upstream_that_cannot_be_reached_fails_the_attempt() -> None:
    async def unreachable(_: ParsedUrl) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise DialFailed(DialPhase.TCP, FailureReason.REFUSED, "upstream.test:80: connection refused")

    connector = RealtimeConnector(at(), open_stream=unreachable, environment={})
    with pytest.raises(ConnectFailed) as raised:
        await connector.open(1, {})
    assert (raised.value.failure.code, raised.value.failure.retryable) == ("UPSTREAM_UNAVAILABLE", True)


async def test_a_key_that_cannot_be_sent_fails_without_being_quoted() -> None:
    ours, _ = trio.testing.memory_stream_pair()

    async def stream(_: ParsedUrl) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ours

    connector = RealtimeConnector(at(key=Secret("sk-with\nnewline-0123456789")), open_stream=stream, environment={})
    with pytest.raises(ConnectFailed) as raised:
        await connector.open(1, {})
    assert not raised.value.failure.retryable
    assert "newline" not in raised.value.failure.message


def test_an_unsupported_proxy_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="socks5"):
        RealtimeConnector(at("https://api.openai.com/v1"), environment={"HTTPS_PROXY": "socks5://proxy:1080"})


async def test_cancelling_an_opening_leaves_no_socket(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def stream(_: ParsedUrl) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ours

    connector = RealtimeConnector(at(), open_stream=stream, environment={})
    with trio.move_on_after(5):
        await connector.open(1, {})
    assert autojump_clock.current_time() == 5
    while await theirs.receive_some():
        pass


# What goes over the wire


class RequestRecorder:
    """Takes one upgrade and notes how it was asked for."""

    def __init__(self) -> None:
        self.request: HttpRequest | None = None

    async def http(self, request: HttpRequest) -> HttpResponse:
        raise NotImplementedError

    async def socket(self, upgrade: WebSocketUpgrade) -> None:
        self.request = upgrade.request
        await upgrade.reject(text_response(503, "not now"))

    async def request_by(self, upstream: UpstreamService, session_options: dict[str, Any] | None = None) -> HttpRequest:
        async with trio.open_nursery() as nursery:

            async def stream(_: ParsedUrl) -> trio.abc.Stream:
                ours, theirs = trio.testing.memory_stream_pair()

                async def serve() -> None:
                    await serve_connection(theirs, http=self.http, websocket=self.socket)

                nursery.start_soon(serve)
                await trio.lowlevel.checkpoint()
                return ours

            with pytest.raises(ConnectFailed):
                await RealtimeConnector(upstream, open_stream=stream, environment={}).open(1, session_options or {})
        assert self.request is not None
        return self.request


async def test_ga_is_spoken_without_the_betas_header() -> None:
    request = await RequestRecorder().request_by(at(), {"model": "a model&intent=x"})
    assert request.header("authorization") == f"Bearer {KEY.reveal()}"
    assert request.header("openai-beta") is None
    assert request.query == {"model": "a model&intent=x"}


async def test_the_beta_is_used_if_configured() -> None:
    request = await RequestRecorder().request_by(at(dialect=Dialect.BETA))
    assert request.header("openai-beta") == "realtime=v1"


async def test_azure_gets_its_own_path_and_header() -> None:
    request = await RequestRecorder().request_by(
        at("https://res.openai.azure.com", Secret("0123456789abcdef")), {"model": "mine"}
    )
    assert (request.path, request.header("api-key")) == ("/openai/v1/realtime", "0123456789abcdef")
