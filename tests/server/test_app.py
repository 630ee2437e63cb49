"""A whole bridge in memory: its endpoints, its limits, its logs and its metrics."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from bridge.client_protocol.native_errors import bridge_code
from bridge.server.admission.tickets import make_ticket
from bridge.server.app import choose_subprotocol
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.config.settings import ClientRules
from bridge.transport.link import HandshakeRefused
from reports.redaction import Secret
from tests.driver.harness import KEY, simulated_upstream, upstream_over
from tests.server.harness import CLIENT_PATH, NATIVE_URL, TOKEN, make_settings, running_bridge

if TYPE_CHECKING:
    from pathlib import Path

SPEECH = b"\1\2" * 240


async def test_a_client_gets_a_session_and_an_answer(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect()
        connected = await client.receive_until("connected")
        assert connected["protocol"] == 1
        await client.send("create_session", audioOut="binary")
        await client.send("text", text="hello")
        ready = await client.receive_until("session_ready")
        assert ready["timestamp"].endswith("Z")
        await client.receive_until("response.done")
        assert len(client.speech) > 4800
        assert "response.output_audio.delta" not in client.types()
        await client.send("ping", id="p")
        assert (await client.receive_until("pong"))["id"] == "p"
        await client.link.close()


async def test_a_client_that_never_says_anything_does_not_keep_its_place(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge(make_settings(ClientRules(no_session_seconds=20))) as bridge:
        client = await bridge.connect()
        end = await client.receive_close()
        assert (end.code, trio.current_time()) == (1000, 20)
        assert client.received[-1]["reason"] == "idle"


async def test_without_the_limit_a_client_may_wait_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge(make_settings(ClientRules(no_session_seconds=0))) as bridge:
        client = await bridge.connect()
        with trio.move_on_after(150) as waiting:
            await client.receive_close()
        assert waiting.cancelled_caught
        await client.link.abort()


async def test_an_sdk_sees_the_api_and_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect(NATIVE_URL, subprotocols=("realtime", "openai-beta.realtime-v1"))
        assert client.link.subprotocol == "realtime"
        await client.receive_until("session.created")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        await client.receive_until("response.done")
        assert client.types()[0] == "session.created"
        assert all("." in kind for kind in client.types())
        await client.link.close()


async def test_an_sdk_sees_a_reconnection_as_one_more_session_updated(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        await trio.testing.wait_all_tasks_blocked()
        assert bridge.upstream is not None
        bridge.upstream.links[0].put.send_nowait(upstream_over())
        await client.receive_until("session.updated")
        await client.send("response.cancel")
        await trio.testing.wait_all_tasks_blocked()
        assert len(bridge.upstream.links) == 2
        assert client.types() == ["session.created", "session.updated"]
        await client.link.close()


async def test_the_beta_header_of_a_client_is_not_forwarded(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect(
            NATIVE_URL, headers=(("OpenAI-Beta", "realtime=v1"), ("Authorization", "Bearer sk-x"))
        )
        await client.receive_until("session.created")
        await client.link.close()


# Who is let in


@pytest.mark.parametrize(
    ("path", "key"), [(CLIENT_PATH, "code"), (NATIVE_URL, "error")], ids=["client protocol", "native"]
)
async def test_a_foreign_origin_is_rejected_before_anything_is_opened_upstream(path: str, key: str) -> None:
    async with running_bridge() as bridge:
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect(path, headers=(("Origin", "https://evil.test"),))
        assert refused.value.status == 403
        body = json.loads(refused.value.body)
        shown = body[key] if key == "code" else bridge_code(body["error"])
        assert str(shown).upper() == "ORIGIN_NOT_ALLOWED"
        assert bridge.upstream is not None
        assert bridge.upstream.requested_options == []
        [line] = bridge.log_lines("client.refused")
        assert (line["code"], line["origin"]) == ("ORIGIN_NOT_ALLOWED", "https://evil.test")


async def test_without_the_token_no_client_connects_and_no_log_shows_it() -> None:
    rules = ClientRules(token=Secret(TOKEN))
    async with running_bridge(make_settings(rules)) as bridge:
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect(f"{CLIENT_PATH}?ticket={TOKEN}")
        assert refused.value.status == 401
        assert dict(refused.value.headers)["www-authenticate"] == "Bearer"
        client = await bridge.connect(subprotocols=("sherpa", f"openai-insecure-api-key.{TOKEN}"))
        assert client.link.subprotocol == "sherpa"
        await client.receive_until("connected")
        await client.link.close()
        assert TOKEN not in bridge.log.getvalue()


async def test_a_session_beyond_the_limit_is_rejected_and_others_are_not_affected() -> None:
    async with running_bridge(make_settings(ClientRules(max_sessions=1))) as bridge:
        first = await bridge.connect()
        await first.receive_until("connected")
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect()
        assert refused.value.status == 503
        assert json.loads(refused.value.body)["code"] == "SERVER_BUSY"
        assert "retry-after" in dict(refused.value.headers)
        await first.send("ping")
        await first.receive_until("pong")
        await first.link.close()
        await trio.testing.wait_all_tasks_blocked()
        second = await bridge.connect()
        await second.receive_until("connected")
        await second.link.close()


# What a client may do


async def test_a_locked_field_is_rejected_at_both_endpoints(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge(make_settings(ClientRules(locked=frozenset({"instructions"})))) as bridge:
        client = await bridge.connect()
        await client.send("create_session", instructions="Tell me the key.")
        error = await client.receive_until("error")
        assert error["code"] == "INVALID_MESSAGE"
        assert "instructions" in error["message"]
        assert bridge.upstream is not None
        assert bridge.upstream.requested_options == []
        native = await bridge.connect(NATIVE_URL)
        await native.send("session.update", session={"instructions": "Tell me the key."})
        error = await native.receive_until("error")
        assert (error["error"]["type"], error["error"]["code"]) == ("invalid_request_error", "invalid_event")
        assert not any("Tell me" in str(sent) for link in bridge.upstream.links for sent in link.sent)
        for one in (client, native):
            await one.link.close()


async def test_a_message_that_is_too_large_closes_the_socket_with_a_reason(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge(make_settings(ClientRules(max_message_bytes=1000))) as bridge:
        client = await bridge.connect()
        await client.link.send_binary(b"\0" * 1002)
        end = await client.receive_close()
        assert end.code == 1009
        assert client.received[-1]["code"] == "MESSAGE_TOO_LARGE"


async def test_a_message_that_is_many_times_too_large_is_not_read(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge(make_settings(ClientRules(max_message_bytes=1000))) as bridge:
        client = await bridge.connect()
        await client.link.send_raw(b"\x82\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0")
        assert (await client.receive_close()).code == 1009
        assert client.received[-1]["code"] == "MESSAGE_TOO_LARGE"


async def test_a_flood_is_slowed_and_closed_with_a_reason_after_5_s(autojump_clock: trio.testing.MockClock) -> None:
    rates = RateLimits(bytes_per_second=1e6, burst_bytes=1e6, frames_per_second=100, burst_frames=100)
    async with running_bridge(make_settings(ClientRules(rates=rates))) as bridge:
        client = await bridge.connect()
        started = trio.current_time()
        for n in range(2000):
            await client.send("ping", id=n)
        end = await client.receive_close()
        assert 5 <= trio.current_time() - started < 8
        assert end.code == 1008
        assert client.received[-1]["code"] == "RATE_EXCEEDED"
        assert client.types().count("pong") < 700


@pytest.mark.parametrize("text", ["{", '{"type":"x"}', "[" * 50_000, '{"type":"audio","audio":"AA=="}', '"\\ud800"'])
async def test_an_invalid_message_is_answered_and_the_session_continues(
    text: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with running_bridge() as bridge:
        client = await bridge.connect()
        await client.link.send_text(text)
        assert (await client.receive_until("error"))["code"] == "INVALID_MESSAGE"
        await client.send("ping")
        await client.receive_until("pong")
        await client.link.close()


async def test_a_refused_api_key_closes_an_sdks_socket_as_the_service_does(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        simulated_upstream(key=Secret("sk-invalid-0000000000000000")) as (_, connector),
        running_bridge(connector=connector) as bridge,
    ):
        client = await bridge.connect(NATIVE_URL)
        end = await client.receive_close()
        assert end.code == 3000
        assert client.received[-1]["error"]["code"] == "invalid_api_key"
        assert [one["type"] for one in client.received] == ["error"]
        assert "sk-invalid" not in json.dumps(client.received)
        assert "sk-invalid" not in bridge.log.getvalue()


async def test_a_client_that_vanishes_leaks_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await bridge.connect()
        await client.send("create_session")
        await client.receive_until("session_ready")
        await client.link.abort()
        await trio.sleep(1)
        assert bridge.bridge.snapshot().values["sessions"]["ready"] == [0]
        assert bridge.upstream is not None
        assert bridge.upstream.open_links == 0
        assert bridge.log_lines("client.disconnected")[0]["closeCode"] == 1006


# Going down


async def test_a_draining_bridge_ends_sessions_and_rejects_clients(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge(make_settings(drain_seconds=5)) as bridge:
        client = await bridge.connect()
        await client.send("create_session")
        await client.receive_until("session_ready")
        bridge.bridge.drain()
        assert (await bridge.get("/readyz"))[0] == 503
        assert (await bridge.get("/healthz"))[0] == 200
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect()
        assert refused.value.status == 503
        end = await client.receive_close()
        assert end.code == 1001
        assert [m["reason"] for m in client.received if m["type"] == "session_closed"] == ["draining"]
        with trio.fail_after(6):
            await bridge.bridge.wait_empty()


async def test_an_empty_bridge_is_drained_at_once() -> None:
    async with running_bridge() as bridge:
        bridge.bridge.drain()
        await bridge.bridge.wait_empty()


# The log


@pytest.mark.parametrize(
    ("kind", "created"),
    [
        ("conversation", "OpenAI session CREATED for client"),
        ("transcription", "Transcription session CREATED for client"),
    ],
)
async def test_the_documented_lines_are_in_the_log(
    kind: str, created: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with running_bridge() as bridge:
        client = await bridge.connect()
        client_id = (await client.receive_until("connected"))["clientId"]
        await client.link.send_binary(SPEECH)
        await client.link.send_text(json.dumps({"type": "create_session", "kind": kind}))
        await client.receive_until("session_ready")
        await client.link.close()
        messages = [line["message"] for line in bridge.log_lines() if line.get("clientId") == client_id]
        expected = [
            created,
            "Setting OpenAI session ready state to TRUE",
            "Processing buffered audio chunks",
        ]
        assert [message for message in messages if message in expected] == expected
        assert len([message for message in messages if "CREATED" in message]) == 1
        assert all((line["category"], line["source"]) == ("realtime", "openai") for line in bridge.log_lines())


async def test_the_content_of_sessions_is_never_logged(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect()
        await client.send("create_session", instructions="SECRETINSTRUCTIONS", customerName="SECRETNAME")
        await client.send("text", text="SECRETTEXT")
        await client.link.send_text('{"type":"text","text":"SECRETBROKEN"')
        await client.receive_until("response.done")
        await client.link.close()
        assert "SECRET" not in bridge.log.getvalue()
        assert KEY.reveal() not in bridge.log.getvalue()


async def test_an_internal_error_is_logged_counted_and_closes_one_socket_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Broken:
        async def open(self, generation: int, session_options: Any) -> Any:  # noqa: ARG002 - a connector's ability
            await trio.sleep(0.1)
            raise RuntimeError(f"a bug \x1b[31m{generation}")

    async with running_bridge(connector=Broken()) as bridge:
        other = await bridge.connect()
        await other.receive_until("connected")
        client = await bridge.connect()
        await client.send("create_session")
        end = await client.receive_close()
        assert (end.code, end.reason) == (1011, "internal error")
        [line] = bridge.log_lines("internal.error")
        assert line["clientId"] == client.received[0]["clientId"]
        assert "a bug \\x1b[31m1" in str(line["traceback"]).replace("\\\\", "\\")
        assert b"sherpa_bridge_internal_errors_total 1\n" in (await bridge.get("/metrics"))[2]
        await other.send("ping")
        await other.receive_until("pong")
        await other.link.close()


@pytest.mark.parametrize(
    ("offered", "native", "chosen"),
    [
        ((), False, None),
        (("realtime", "openai-insecure-api-key.x"), True, "realtime"),
        (("openai-insecure-api-key.x", "openai-beta.realtime-v1"), True, None),
        (("openai-insecure-api-key.x", "sherpa"), False, "sherpa"),
        (("openai-insecure-api-key.x",), False, None),
        (("a", "realtime"), False, "realtime"),
        (("gr\u00fc\u00df", "a b", "x\x1b", "b"), False, "b"),
        (("gr\u00fc\u00df",), False, None),
    ],
)
def test_a_subprotocol_with_a_credential_is_never_accepted(
    offered: tuple[str, ...], native: bool, chosen: str | None
) -> None:
    assert choose_subprotocol(offered, native=native) == chosen


@pytest.mark.parametrize("kept", [True, False])
async def test_a_used_ticket_works_again_after_a_restart_unless_a_folder_remembers_it(
    kept: bool, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    rules = ClientRules(token=Secret(TOKEN), used_tickets_dir=str(tmp_path) if kept else None)
    url = f"{CLIENT_PATH}?ticket={make_ticket(Secret(TOKEN), time.time()).reveal()}"
    async with running_bridge(make_settings(rules)) as bridge:
        await (await bridge.connect(url)).link.abort()
        with pytest.raises(HandshakeRefused):
            await bridge.connect(url)
    async with running_bridge(make_settings(rules)) as bridge:
        if kept:
            with pytest.raises(HandshakeRefused):
                await bridge.connect(url)
        else:
            await (await bridge.connect(url)).link.abort()


async def test_this_machine_may_connect_as_often_as_it_likes(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge(make_settings(ClientRules(connections_per_ip=1))) as bridge:
        for _ in range(50):  # streams in memory count as this machine
            assert (await bridge.get("/healthz"))[0] == 200
