"""A hostile upstream, and clients that try to choose the upstream. Cases 9, 10, 11 and 14."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import pytest
import trio

from bridge.simulator.errors.service_errors import ServiceError
from bridge.simulator.faults.actions import RawBytes, TextFrame
from bridge.simulator.faults.base import ClientAttempt, Fault, HttpRefusal
from bridge.simulator.faults.session_faults import HandshakeFault, HttpFault
from tests.hardening.harness import (
    CLIENT_PATH,
    KEY,
    NATIVE_URL,
    WITH_TOKEN,
    Attack,
    BridgeProcess,
    SimulatorThread,
    attack,
    wait_until,
)
from tests.hardening.raw_websocket import frame, status_of, upgrade_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

pytestmark = pytest.mark.slow

WRONG = {
    "text that is no UTF-8": frame(1, b"\xc3\x28", masked=False),
    "a reserved bit": frame(1, b"{}", rsv=4, masked=False),
    "an opcode that there is not": frame(3, masked=False),
    "a mask": frame(1, b"{}"),
    "a length that is none": b"\x81\x7f" + (2**64 - 1).to_bytes(8, "big"),
    "a length beyond all bounds": b"\x81\x7f" + (2**62).to_bytes(8, "big"),
    "fragments without end": frame(1, last=False, masked=False) + frame(0, last=False, masked=False) * 5000,
    "a close with a code that is never sent": frame(8, (1006).to_bytes(2, "big"), masked=False),
}


async def test_case_9_an_upstream_that_breaks_the_protocol_is_replaced(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    reasons: dict[str, str] = {}

    async def send_through(name: str, raw: bytes) -> None:
        client = await bridge.connect()
        await client.send("create_session")
        session_id = (await client.receive_until("session_ready"))["sessionId"]
        upstream.inject(RawBytes(raw), session_id)
        with trio.fail_after(10):
            reasons[name] = (await client.receive_until("reconnecting"))["reason"]
            await client.receive_until("reconnected")
        await client.link.close()

    async with attack(bridge, upstream, seconds=20):
        async with trio.open_nursery() as nursery:
            for name, raw in WRONG.items():
                nursery.start_soon(send_through, name, raw)
        await wait_until(lambda: len(upstream.simulator.connections) == 1 == bridge.sockets_to(upstream.port), 3)
    assert set(reasons) == set(WRONG)
    assert set(reasons.values()) == {"The upstream violated the WebSocket protocol"}


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """Redirect every request."""

    name: ClassVar[str] = "redirect"
    to: str = ""
    on: str = "socket"

    def refuse(self, attempt: ClientAttempt) -> HttpRefusal | None:
        if attempt.endpoint != self.on:
            return None
        moved = ServiceError(type="invalid_request_error", code=None, message="Moved.")
        return HttpRefusal(status=307, error=moved, headers=(("location", self.to),))


def percent(text: str) -> str:
    """Percent-encode a text for a query."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


ANSWERS: Mapping[str, tuple[Fault, str]] = {
    "401": (HttpFault(401), "AUTHENTICATION_FAILED"),
    "403": (HttpFault(403), "ACCESS_DENIED"),
    "404": (HttpFault(404), ""),
    "429": (HttpFault(429, retry_after=600), "RATE_LIMITED"),
    "a page": (HttpFault(200, says="page"), ""),
    "mint 401": (HttpFault(401, on="mint"), "AUTHENTICATION_FAILED"),
    "mint 429": (HttpFault(429, on="mint", retry_after=600), "RATE_LIMITED"),
    "mint page": (HttpFault(200, on="mint", says="page"), ""),
}
#: A failure that may improve is retried.
UNREACHABLE: Mapping[str, Fault] = {
    "500": HttpFault(500),
    "mint 500": HttpFault(500, on="mint"),
    "302": HttpFault(302, says="page"),
    "an end in place of the 101": HandshakeFault("closed"),
    "garbage": HandshakeFault("not-http"),
    "a wrong accept key": HandshakeFault("wrong-accept"),
}


async def test_case_10_an_upstream_that_is_no_realtime_service_is_reported_as_what_it_is(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(bridge, upstream, seconds=30) as result:
        for name, (fault, code) in ANSWERS.items():
            upstream.set_faults(fault)
            client = await bridge.connect()
            await client.send("create_session")
            with trio.fail_after(10):
                received = (await client.receive_until("error"))["code"]
            assert received == code or not code, name
            await client.link.close()
        for name, fault in UNREACHABLE.items():
            upstream.set_faults(fault)
            client = await bridge.connect()
            client_id = (await client.receive_until("connected"))["clientId"]
            await client.send("create_session")
            await wait_until(lambda: _failed_codes(result, client_id), 3)  # noqa: B023 - it is over within the turn
            assert set(_failed_codes(result, client_id)) == {"UPSTREAM_UNAVAILABLE"}, name  # it may have tried again
            await client.link.close()
        await wait_until(lambda: bridge.sockets_to(upstream.port) == 1, 3)


def _failed_codes(result: Attack, client_id: str) -> list[str]:
    """Return the codes of this client's failed attempts."""
    return [line["code"] for line in result.log_lines("attempt.failed") if line["clientId"] == client_id]


@asynccontextmanager
async def unreachable_server() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that must receive nothing: its address, and what it did receive."""
    caught: list[bytes] = []

    async def catch(stream: trio.SocketStream) -> None:
        caught.append(b"")
        with trio.move_on_after(1):
            caught[-1] += await stream.receive_some()

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, catch, 0, host="127.0.0.1"))
        yield f"127.0.0.1:{listener.socket.getsockname()[1]}", caught
        nursery.cancel_scope.cancel()


async def test_case_11_neither_a_client_nor_a_redirect_sends_the_key_elsewhere(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(bridge, upstream, seconds=40) as result, unreachable_server() as (there, caught):
        url = f"http://{there}/v1"
        names = ("base_url", "baseUrl", "api_base", "upstream", "url", "host", "endpoint", "api_key")
        tries = [url, f"ws://{there}", "http://169.254.169.254/latest", f"http://[::ffff:127.0.0.1]:{there[-5:]}"]
        before = upstream.opened_sessions()
        for path in (CLIENT_PATH, NATIVE_URL):
            for tried in tries:
                sep = "&" if "?" in path else "?"
                query = sep + "&".join(f"{name}={tried}" for name in names)
                lines = (f"X-Forwarded-Host: {there}", f"Forwarded: host={there}", f"X-Upstream: {tried}")
                assert await status_of(
                    bridge, upgrade_request(*lines, path=path + query).replace(b"bridge.test", there.encode())
                )
        client = await bridge.connect()
        models = (f"@{there}/", f"x#@{there}", f"../../{there}", f"x&host={there}", f"//{there}/", "x\r\nHost: evil")
        await client.send("create_session", **dict.fromkeys(names, url))
        await client.receive_until("session_ready")
        await client.send("session.update", session={"base_url": url, "type": "realtime"})
        await client.link.close()
        for model in models:
            native = await bridge.connect(f"/v1/realtime?model={percent(model)}")
            with trio.fail_after(10):
                await native.receive_until("session.created")  # the server sets the model
            await native.link.close()
        assert upstream.opened_sessions() > before + len(models)
        for place in ("socket", "mint"):
            upstream.set_faults(Redirect(f"http://{there}/v1/realtime", on=place))
            client = await bridge.connect(headers=WITH_TOKEN)
            await client.send("create_session")
            with trio.fail_after(15):
                await client.receive_until("error")
            await client.link.close()
        upstream.clear_faults()
        assert caught == []
    assert KEY not in bridge.log.read_text()
    assert result.log_lines("client.connected")


async def test_case_14_a_key_in_an_upstream_error_is_redacted(bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    async with attack(bridge, upstream, seconds=20) as result:
        for path in (CLIENT_PATH, NATIVE_URL):
            client = await bridge.connect(path)
            if path == CLIENT_PATH:
                await client.send("create_session")
            session_id = (await client.receive_until("session.created"))["session"]["id"]
            await client.send("input_audio_buffer.clear")
            await client.receive_until("input_audio_buffer.cleared")  # the session is ready
            said = f"Incorrect API key provided: {KEY}. Bearer ek_0123456789abcdef0123 is no good either."
            error = {"type": "server_error", "code": "odd", "message": said, "param": said, "event_id": None}
            upstream.inject(TextFrame("error", json.dumps({"type": "error", "error": error}).encode()), session_id)
            with trio.fail_after(5):
                received = json.dumps(await client.receive_until("error"))
            assert "Incorrect API key" in received
            assert KEY not in received
            assert "ek_0123456789abcdef0123" not in received
            await client.link.close()
        assert result.log_lines("upstream.error")
    assert KEY not in bridge.log.read_text()
