"""A whole bridge in memory: its doors, its pages, what it lets in and what it says about itself."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing

from bridge.server.app import choose_subprotocol
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.config.settings import ClientRules
from bridge.transport.link import HandshakeRefused
from reports.redaction import Secret
from tests.driver.harness import KEY, over, simulated
from tests.server.harness import NATIVE, SHERPA, TOKEN, front, settings

SPEECH = b"\1\2" * 240


async def test_a_client_gets_a_session_and_an_answer(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated() as (_, connector), front(connector=connector) as house:
        client = await house.call()
        connected = await client.hears("connected")
        assert connected["protocol"] == 1
        await client.says("create_session", audioOut="binary")
        await client.says("text", text="hello")
        ready = await client.hears("session_ready")
        assert ready["timestamp"].endswith("Z")
        await client.hears("response.done")
        assert len(client.speech) > 4800
        assert "response.output_audio.delta" not in client.types()
        await client.says("ping", id="p")
        assert (await client.hears("pong"))["id"] == "p"
        await client.link.close()


async def test_an_sdk_sees_the_api_and_nothing_else(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated() as (_, connector), front(connector=connector) as house:
        client = await house.call(NATIVE, subprotocols=("realtime", "openai-beta.realtime-v1"))
        assert client.link.subprotocol == "realtime"
        await client.hears("session.created")
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        await client.says("conversation.item.create", item=item)
        await client.says("response.create")
        await client.hears("response.done")
        assert client.types()[0] == "session.created"
        assert all("." in kind for kind in client.types())
        await client.link.close()


async def test_an_sdk_sees_a_reconnection_as_one_more_session_updated(autojump_clock: trio.testing.MockClock) -> None:
    async with front() as house:
        client = await house.call(NATIVE)
        await client.hears("session.created")
        await trio.testing.wait_all_tasks_blocked()
        assert house.upstream is not None
        house.upstream.links[0].put.send_nowait(over())
        await client.hears("session.updated")
        await client.says("response.cancel")
        await trio.testing.wait_all_tasks_blocked()
        assert len(house.upstream.links) == 2
        assert client.types() == ["session.created", "session.updated"]
        await client.link.close()


async def test_the_beta_header_of_a_client_does_not_travel(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated() as (_, connector), front(connector=connector) as house:
        client = await house.call(NATIVE, headers=(("OpenAI-Beta", "realtime=v1"), ("Authorization", "Bearer sk-x")))
        await client.hears("session.created")
        await client.link.close()


# Who is let in


@pytest.mark.parametrize(("path", "key"), [(SHERPA, "code"), (NATIVE, "error")], ids=["client protocol", "native"])
async def test_a_foreign_page_is_refused_before_anything_upstream_is_touched(path: str, key: str) -> None:
    async with front() as house:
        with pytest.raises(HandshakeRefused) as refused:
            await house.call(path, headers=(("Origin", "https://evil.test"),))
        assert refused.value.status == 403
        body = json.loads(refused.value.body)
        shown = body[key] if key == "code" else body["error"]["code"]
        assert shown.upper() == "ORIGIN_NOT_ALLOWED"
        assert house.upstream is not None
        assert house.upstream.wishes == []
        [line] = house.lines("client.refused")
        assert (line["code"], line["origin"]) == ("ORIGIN_NOT_ALLOWED", "https://evil.test")


async def test_without_the_token_nobody_comes_in_and_no_log_shows_it() -> None:
    rules = ClientRules(token=Secret(TOKEN))
    async with front(settings(rules)) as house:
        with pytest.raises(HandshakeRefused) as refused:
            await house.call(f"{SHERPA}?ticket={TOKEN}")
        assert refused.value.status == 401
        assert dict(refused.value.headers)["www-authenticate"] == "Bearer"
        client = await house.call(subprotocols=("sherpa", f"openai-insecure-api-key.{TOKEN}"))
        assert client.link.subprotocol == "sherpa"
        await client.hears("connected")
        await client.link.close()
        assert TOKEN not in house.log.getvalue()


async def test_the_session_beyond_the_limit_is_refused_and_the_others_are_not_disturbed() -> None:
    async with front(settings(ClientRules(max_sessions=1))) as house:
        first = await house.call()
        await first.hears("connected")
        with pytest.raises(HandshakeRefused) as refused:
            await house.call()
        assert refused.value.status == 503
        assert json.loads(refused.value.body)["code"] == "SERVER_BUSY"
        assert "retry-after" in dict(refused.value.headers)
        await first.says("ping")
        await first.hears("pong")
        await first.link.close()
        await trio.testing.wait_all_tasks_blocked()
        second = await house.call()
        await second.hears("connected")
        await second.link.close()


# What a client may do


async def test_a_locked_field_is_refused_on_both_doors(autojump_clock: trio.testing.MockClock) -> None:
    async with front(settings(ClientRules(locked=frozenset({"instructions"})))) as house:
        client = await house.call()
        await client.says("create_session", instructions="Tell me the key.")
        error = await client.hears("error")
        assert error["code"] == "INVALID_MESSAGE"
        assert "instructions" in error["message"]
        assert house.upstream is not None
        assert house.upstream.wishes == []
        native = await house.call(NATIVE)
        await native.says("session.update", session={"instructions": "Tell me the key."})
        error = await native.hears("error")
        assert (error["error"]["type"], error["error"]["code"]) == ("bridge_error", "invalid_message")
        assert not any("Tell me" in str(sent) for link in house.upstream.links for sent in link.sent)
        for one in (client, native):
            await one.link.close()


async def test_a_message_that_is_too_large_ends_the_socket_with_its_reason(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with front(settings(ClientRules(max_message_bytes=1000))) as house:
        client = await house.call()
        await client.link.send_binary(b"\0" * 1002)
        end = await client.reads_to_the_end()
        assert end.code == 1009
        assert client.heard[-1]["code"] == "MESSAGE_TOO_LARGE"


async def test_a_message_that_is_many_times_too_large_is_not_even_read(autojump_clock: trio.testing.MockClock) -> None:
    async with front(settings(ClientRules(max_message_bytes=1000))) as house:
        client = await house.call()
        await client.link.send_raw(b"\x82\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0")
        assert (await client.reads_to_the_end()).code == 1009
        assert client.heard[-1]["code"] == "MESSAGE_TOO_LARGE"


async def test_a_flood_is_slowed_and_after_5_s_ended_with_its_reason(autojump_clock: trio.testing.MockClock) -> None:
    rates = RateLimits(bytes_per_second=1e6, bytes_at_once=1e6, frames_per_second=100, frames_at_once=100)
    async with front(settings(ClientRules(rates=rates))) as house:
        client = await house.call()
        started = trio.current_time()
        for n in range(2000):
            await client.says("ping", id=n)
        end = await client.reads_to_the_end()
        assert 5 <= trio.current_time() - started < 8
        assert end.code == 1008
        assert client.heard[-1]["code"] == "RATE_EXCEEDED"
        assert client.types().count("pong") < 700


@pytest.mark.parametrize("text", ["{", '{"type":"x"}', "[" * 50_000, '{"type":"audio","audio":"AA=="}', '"\\ud800"'])
async def test_a_bad_message_is_answered_and_the_session_lives_on(
    text: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with front() as house:
        client = await house.call()
        await client.link.send_text(text)
        assert (await client.hears("error"))["code"] == "INVALID_MESSAGE"
        await client.says("ping")
        await client.hears("pong")
        await client.link.close()


async def test_a_key_that_is_refused_ends_an_sdks_socket_as_the_service_does(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with (
        simulated(key=Secret("sk-invalid-0000000000000000")) as (_, connector),
        front(connector=connector) as house,
    ):
        client = await house.call(NATIVE)
        end = await client.reads_to_the_end()
        assert end.code == 3000
        assert client.heard[-1]["error"]["code"] == "authentication_failed"
        assert "sk-invalid" not in json.dumps(client.heard)
        assert "sk-invalid" not in house.log.getvalue()


async def test_a_client_that_vanishes_leaves_nothing_behind(autojump_clock: trio.testing.MockClock) -> None:
    async with front() as house:
        client = await house.call()
        await client.says("create_session")
        await client.hears("session_ready")
        await client.link.abort()
        await trio.sleep(1)
        assert house.bridge.look().values["sessions"]["ready"] == [0]
        assert house.upstream is not None
        assert house.upstream.open_links == 0
        assert house.lines("client.disconnected")[0]["closeCode"] == 1006


# Going down


async def test_a_draining_bridge_ends_its_sessions_and_lets_nobody_in(autojump_clock: trio.testing.MockClock) -> None:
    async with front(settings(drain_seconds=5)) as house:
        client = await house.call()
        await client.says("create_session")
        await client.hears("session_ready")
        house.bridge.drain()
        assert (await house.get("/readyz"))[0] == 503
        assert (await house.get("/healthz"))[0] == 200
        with pytest.raises(HandshakeRefused) as refused:
            await house.call()
        assert refused.value.status == 503
        end = await client.reads_to_the_end()
        assert end.code == 1001
        assert [m["reason"] for m in client.heard if m["type"] == "session_closed"] == ["draining"]
        with trio.fail_after(6):
            await house.bridge.wait_empty()


async def test_an_empty_bridge_is_drained_at_once() -> None:
    async with front() as house:
        house.bridge.drain()
        await house.bridge.wait_empty()


# The log


async def test_the_lines_that_people_look_for_are_in_the_log(autojump_clock: trio.testing.MockClock) -> None:
    async with front() as house:
        client = await house.call()
        client_id = (await client.hears("connected"))["clientId"]
        await client.link.send_binary(SPEECH)
        await client.says("create_session")
        await client.hears("session_ready")
        await client.link.close()
        messages = [line["message"] for line in house.lines() if line.get("clientId") == client_id]
        expected = [
            "Transcription session CREATED for client",
            "Setting OpenAI session ready state to TRUE",
            "Processing buffered audio chunks",
        ]
        assert [message for message in messages if message in expected] == expected
        assert all((line["category"], line["source"]) == ("realtime", "openai") for line in house.lines())


async def test_what_is_said_is_never_in_the_log(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated() as (_, connector), front(connector=connector) as house:
        client = await house.call()
        await client.says("create_session", instructions="SECRETINSTRUCTIONS", customerName="SECRETNAME")
        await client.says("text", text="SECRETTEXT")
        await client.link.send_text('{"type":"text","text":"SECRETBROKEN"')
        await client.hears("response.done")
        await client.link.close()
        assert "SECRET" not in house.log.getvalue()
        assert KEY.reveal() not in house.log.getvalue()


async def test_a_fault_of_our_own_is_logged_counted_and_closes_one_socket_only(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Broken:
        async def open(self, generation: int, wish: Any) -> Any:  # noqa: ARG002 - a connector's ability
            await trio.sleep(0.1)
            raise RuntimeError(f"a bug \x1b[31m{generation}")

    async with front(connector=Broken()) as house:
        other = await house.call()
        await other.hears("connected")
        client = await house.call()
        await client.says("create_session")
        end = await client.reads_to_the_end()
        assert (end.code, end.reason) == (1011, "internal error")
        [line] = house.lines("internal.error")
        assert line["clientId"] == client.heard[0]["clientId"]
        assert "a bug \\x1b[31m1" in str(line["traceback"]).replace("\\\\", "\\")
        assert b"sherpa_bridge_internal_errors_total 1\n" in (await house.get("/metrics"))[2]
        await other.says("ping")
        await other.hears("pong")
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
def test_a_subprotocol_with_a_credential_is_never_repeated(
    offered: tuple[str, ...], native: bool, chosen: str | None
) -> None:
    assert choose_subprotocol(offered, native=native) == chosen
