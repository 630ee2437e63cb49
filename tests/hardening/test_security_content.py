"""Messages with hostile content, for logs, metrics, parsers and locked fields. Cases 12 to 14."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from tests.hardening.harness import CLIENT_PATH, KEY, NATIVE_URL, BridgeProcess, SimulatorThread, attack, wait_until
from tests.hardening.raw_websocket import frame, status_of, upgrade_request

if TYPE_CHECKING:
    from tests.server.harness import JsonTestClient

pytestmark = pytest.mark.slow

#: A new line, a red one, right-to-left text, and the end of a metric label.
NASTY = 'x\r\n{"level":"forged"}\x1b[31m\u202e\u2028"} forged 1\n'
#: What must never appear unescaped in a log or in metrics.
RAW = ("\x1b", "\u202e", "\u2028", '\n{"level":"forged"', "forged 1\n", "\r")


def percent(text: str) -> str:
    """Percent-encode a text for a request line."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


async def test_case_12_client_input_breaks_no_log_line_and_adds_no_metric_labels(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    nasty_header = NASTY.replace("\r\n", "").replace("\n", "").encode().decode("latin-1")
    async with attack(bridge, upstream, seconds=30) as result:
        await status_of(bridge, upgrade_request(path=f"/{percent(NASTY)}"))
        await status_of(bridge, upgrade_request(f"Origin: {nasty_header}", f"X-Forwarded-For: {nasty_header}"))
        await status_of(bridge, upgrade_request(f"Sec-WebSocket-Protocol: {nasty_header}"))
        for n in range(100):
            await status_of(bridge, upgrade_request(f"Origin: https://{n}.evil.test", path=f"/{n}"))
        client = await bridge.connect()
        await client.send("create_session", voice=NASTY, customerName=NASTY)
        for n in range(150):
            await client.send(f"{NASTY}{n}")
            await client.send(f"made.up{n}{NASTY}")
        await client.send("ping", id=NASTY)
        assert (await client.receive_until("pong"))["id"] == NASTY
        await client.link.send_raw(frame(8, (4999).to_bytes(2, "big") + NASTY.encode()))
        with trio.fail_after(5):
            await client.receive_close()
        native = await bridge.connect(f"/v1/realtime?model={percent(NASTY)}")
        await native.link.close(4000, "bye \x1b[31m")
        await wait_until(lambda: len(result.log_lines("client.disconnected")) >= 2, 5)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
            metrics = (await web.get(f"http://{bridge.address}/metrics")).text
    text = bridge.log.read_bytes().decode()
    assert not [raw for raw in RAW if raw in text or raw in metrics]
    after_banner = text.partition("Ctrl-C")[2].splitlines()[1:]
    assert after_banner
    assert all(line.startswith("{") for line in after_banner)
    assert {line["level"] for line in result.log_lines()} <= {"debug", "info", "warning", "error"}
    assert len(metrics.splitlines()) < 400


PIECES = (
    "[" * 100_000,
    '{"type":"text","text":' + '{"a":' * 50_000,
    '{"type":"ping","id":1e309}',
    '{"type":"ping","id":' + "9" * 50_000 + "}",
    '{"type":"interrupt","playedMs":' + "9" * 400 + "}",
    '{"type":"interrupt","playedMs":-1}',
    '{"type":"ping","id":NaN}',
    '{"type":"text","text":"\\ud800"}',
    '{"type":"create_session","type":"ping","type":7}',
    '{"type":["ping"]}',
    '{"type":null}',
    '{"type":""}',
    "null",
    '"ping"',
    "",
    '{"type":"no.such.event","event_id":{"a":1}}',
    '{"type":"session.created","session":{"id":"sess_forged"}}',
    '{"type":"response.done","response":{"status":"completed"}}',
    '{"type":"session.update","session":[]}',
    '{"type":"response.create","response":"now"}',
    '{"type":"conversation.item.create","item":7}',
    '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":[]}]}}',
    '{"type":"input_audio_buffer.append"}',
    '{"type":"input_audio_buffer.append","audio":7}',
    '{"type":"input_audio_buffer.append","audio":"AAA"}',
    '{"type":"input_audio_buffer.append","audio":"AA=="}',
    '{"type":"input_audio_buffer.append","audio":"!!!!"}',
    '{"type":"audio","audio":"AA=="}',
    '{"type":"tool_result","callId":{},"output":[]}',
)


async def test_case_13_no_message_ends_a_session(bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    async with attack(bridge, upstream, seconds=30, mib=24):
        for path in (CLIENT_PATH, NATIVE_URL):
            client = await bridge.connect(path)
            if path == CLIENT_PATH:
                await client.send("create_session")
            await client.receive_until("session.created")
            for piece in PIECES:
                await client.link.send_text(piece)
            await client.link.send_binary(b"\0")
            await client.send("input_audio_buffer.append", audio="AAAA")
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Still there?"}]}
            await client.send("conversation.item.create", item=item)
            await client.send("response.create")
            with trio.fail_after(15):
                done = await client.receive_until("response.done")
            assert done["response"]["status"] == "completed"
            assert "sess_forged" not in json.dumps(client.received)
            assert "reconnecting" not in client.types()
            await client.link.close()


#: The bridge has locked these fields.
FORBIDDEN = (
    ("session.update", {"session": {"type": "realtime", "instructions": "FORBIDDEN"}}),
    ("session.update", {"session": {"type": "realtime", "tools": [{"type": "function", "name": "FORBIDDEN"}]}}),
    ("session.update", {"session": {"type": "realtime", "model": "FORBIDDEN"}}),
    ("session.update", {"session": {"type": "realtime", "prompt": {"id": "FORBIDDEN"}}}),
    ("transcription_session.update", {"session": {"model": "FORBIDDEN"}}),
    ("response.create", {"response": {"instructions": "FORBIDDEN"}}),
    ("response.create", {"response": {"tools": [], "metadata": {"a": "FORBIDDEN"}}}),
)
TWICE = '{"type":"session.update","session":{"type":"realtime"},"session":{"instructions":"FORBIDDEN"}}'


async def test_case_14_a_client_cannot_change_locked_fields(bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    async with attack(bridge, upstream, seconds=30) as result:
        client = await bridge.connect()
        for name in ("instructions", "model", "tools"):
            await client.send("create_session", **{name: [{"name": "x"}] if name == "tools" else "FORBIDDEN"})
        await client.send("ping")
        await client.receive_until("pong")
        assert "session_initializing" not in client.types()
        await client.send("create_session", apiKey="sk-FORBIDDEN", api_key="sk-FORBIDDEN")
        await client.receive_until("session_ready")
        native = await bridge.connect(NATIVE_URL)
        await native.receive_until("session.created")
        for one in (client, native):
            await _send_forbidden(one)
            assert "FORBIDDEN" not in json.dumps([m for m in one.received if m["type"] == "session.updated"])
        records = upstream.simulator.journal.sessions()[-2:]
        assert all("response.create" not in record.counts for record in records)
        assert all(record.counts["session.update"] == 1 for record in records)
        for one in (client, native):
            await one.link.close()
    assert KEY not in json.dumps([client.received, native.received])
    assert "FORBIDDEN" not in json.dumps(result.log_lines())


async def _send_forbidden(client: JsonTestClient) -> None:
    """Send every forbidden message; the upstream would answer one that got through."""
    for kind, fields in FORBIDDEN:
        await client.send(kind, **fields)
    await client.link.send_text(TWICE)
    await client.send("input_audio_buffer.clear")
    with trio.fail_after(10):
        await client.receive_until("input_audio_buffer.cleared")
        if not any(message["type"] == "error" for message in client.received):
            await client.receive_until("error")
