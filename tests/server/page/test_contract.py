"""The browser's client at bridges that misbehave, in Chromium: whatever they do, it keeps the client protocol.

The conformance suite judges bridges; this judges the client. A script plays the bridge, and what passes at the page's
own WebSocket is recorded there, in the order in which the client saw it, without the client's help.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from bridge.protocol.audio.pcm import chunks
from tests.server.page.console import open_console
from tests.server.page.contract_audit import Said, broken_rules
from tests.server.page.test_console_faults import url_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, WebSocketRoute

    from tests.hardening.harness import BridgeProcess

    #: What the bridge does with a client's message: the number of the connection, of the message, and its type.
    Script = Callable[[WebSocketRoute, int, int, str], None]

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]

CHUNKS = 60
RECORD = """() => {
  globalThis.wire = [];
  let connections = 0;
  const Real = WebSocket;
  const shown = (data) => typeof data === "string" ? data : Array.from(new Int16Array(data.slice().buffer));
  globalThis.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      this.connection = connections += 1;
      const got = ({ data }) => wire.push([performance.now() / 1000, this.connection, false, data]);
      this.addEventListener("message", got);
    }
    send(data) {
      wire.push([performance.now() / 1000, this.connection, true, shown(data)]);
      super.send(data);
    }
  };
}"""
SPEAK = """async ({ url, chunks }) => {
  const { SherpaClient } = await import("/sherpa-client.js");
  const client = new SherpaClient({ url, openFallback: null, session: { turnDetection: "none" } });
  globalThis.subject = { client, sent: 0 };
  client.start();
  const timer = setInterval(() => {
    if (subject.sent === chunks.length) clearInterval(timer);
    else client.sendAudio(Uint8Array.from(atob(chunks[subject.sent++]), (letter) => letter.charCodeAt(0)));
  }, 20);
}"""


def say(route: WebSocketRoute, kind: str, **fields: Any) -> None:
    route.send(json.dumps({"type": kind, "timestamp": "2026-11-29T12:00:00.000Z", **fields}))


def fail(route: WebSocketRoute, code: str, *, retryable: bool = True, **detail: Any) -> None:
    say(route, "error", code=code, message=code, retryable=retryable, suppressed=0, generation=1, detail=detail)


def often(count: int, code: str) -> Callable[[WebSocketRoute], None]:
    def act(route: WebSocketRoute) -> None:
        for _ in range(count):
            fail(route, code)

    return act


def ready(route: WebSocketRoute, generation: int = 1) -> None:
    say(route, "session_initializing", generation=generation, attempt=1, maxAttempts=3)
    say(route, "session_ready", generation=generation, sessionId="s", model="m", dialect="ga")


def good(route: WebSocketRoute, _: int, __: int, kind: str) -> None:
    if kind == "create_session":
        say(route, "connected", clientId="c", protocol=1)
        ready(route)


def first(act: Callable[[WebSocketRoute], None]) -> Script:
    """Answer the first `create_session` so, and behave well from then on."""

    def script(route: WebSocketRoute, connection: int, number: int, kind: str) -> None:
        if (connection, number) == (1, 1):
            act(route)
        else:
            good(route, connection, number, kind)

    return script


def on_speech(act: Callable[[WebSocketRoute], None]) -> Script:
    """Behave well, but for the tenth frame of the first connection."""

    def script(route: WebSocketRoute, connection: int, number: int, kind: str) -> None:
        if (connection, number) == (1, 10):
            act(route)
        good(route, connection, number, kind)

    return script


def drain(route: WebSocketRoute) -> None:
    say(route, "session_closed", generation=1, reason="draining")
    route.close(code=1001, reason="draining")


def recover(route: WebSocketRoute) -> None:
    say(route, "reconnecting", generation=1, attempt=1, maxAttempts=5, delayMs=10, reason="lost")
    back = {"sessionId": "s2", "heldMs": 0, "resentMs": 0, "restored": {}, "lost": []}
    say(route, "reconnected", generation=2, message="m", **back)
    say(route, "session_closed", generation=1, reason="ended")  # of the earlier one: nothing to do


def talk_nonsense(route: WebSocketRoute) -> None:
    for frame in ("{", "[]", "5", '{"type":5}', '{"no":"type"}', '{"type":"no_such_message"}', '{"type":"error"}'):
        route.send(frame)
    route.send(b"\1\2\3")
    ready(route)


def lose_and_fail(route: WebSocketRoute) -> None:
    say(route, "reconnecting", generation=1, attempt=5, maxAttempts=5, delayMs=10, reason="lost")
    fail(route, "CONNECTION_LOST", attempts=5)


#: For each script: how it ends, as the badge says.
SCRIPTS: dict[str, tuple[Script, str | None]] = {
    "a good bridge": (good, "Connected"),
    "forgets that it was asked": (first(lambda route: fail(route, "NO_SESSION_EXISTS")), "Connected"),
    "forgets it ten times at once": (
        first(often(10, "NO_SESSION_EXISTS")),
        "Connected",
    ),
    "fails at first": (first(lambda route: fail(route, "SESSION_INITIALIZATION_FAILED", attempts=3)), "Connected"),
    "is limited": (first(lambda route: fail(route, "RATE_LIMITED", attempts=1, retryAfterMs=1_500)), "Connected"),
    "refuses the key": (
        first(lambda route: fail(route, "AUTHENTICATION_FAILED", retryable=False, attempts=1)),
        "Error",
    ),
    "talks nonsense": (first(talk_nonsense), "Connected"),
    "floods with errors": (
        on_speech(often(100, "UPSTREAM_ERROR")),
        "Connected",
    ),
    "drains": (on_speech(drain), "Connected"),
    "drops the connection": (on_speech(lambda route: route.close(code=1011)), "Connected"),
    "loses its session and has another": (on_speech(recover), "Connected"),
    "loses its session for good": (on_speech(lose_and_fail), "Connected"),
    "ends the session": (on_speech(lambda route: say(route, "session_closed", generation=1, reason="idle")), None),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_whatever_the_bridge_does_the_client_keeps_the_protocol(
    name: str, talking_chromium: Browser, bridge: BridgeProcess
) -> None:
    script, badge = SCRIPTS[name]
    connections = 0

    def play(route: WebSocketRoute) -> None:
        nonlocal connections
        connections += 1
        connection, number = connections, 0

        def answer(message: str | bytes) -> None:
            nonlocal number
            number += 1
            script(route, connection, number, "audio" if isinstance(message, bytes) else json.loads(message)["type"])

        route.on_message(answer)

    spoken = b"".join(number.to_bytes(2, "little") * 480 for number in range(1, CHUNKS + 1))
    with open_console(
        talking_chromium, url_of(bridge), before=lambda page: page.route_web_socket("**/api/**", play)
    ) as console:
        console.page.evaluate(RECORD)
        pieces = [b64encode(chunk).decode() for chunk in chunks(spoken, 20)]
        given = {"url": f"ws://{bridge.address}/api/openai/realtime", "chunks": pieces}
        console.page.evaluate(SPEAK, given)
        console.wait_for(f"subject.sent === {CHUNKS} && subject.client.badge === {json.dumps(badge)}", 60)
        log = [
            Said(at, connection, by_client, frame if isinstance(frame, str) else _bytes(frame))
            for at, connection, by_client, frame in console.page.evaluate(
                "wire.map(([at, connection, byClient, data]) => "
                "[at, connection, byClient, data instanceof Blob || data instanceof ArrayBuffer ? [0] : data])"
            )
        ]
    assert broken_rules(log) == []
    assert any(one.by_client for one in log)
    if badge == "Connected":
        heard = [one.frame[at] for one in log if one.by_client and isinstance(one.frame, bytes) for at in _starts(one)]
        last = heard[len(heard) - heard[::-1].index(1) - 1 :] if heard.count(1) else heard
        assert set(heard) == set(range(1, CHUNKS + 1))
        assert last == sorted(last)


def _bytes(samples: list[int]) -> bytes:
    return b"".join(one.to_bytes(2, "little", signed=True) for one in samples)


def _starts(said: Said) -> range:
    """Where the chunks of a frame begin; each holds its own number."""
    return range(0, len(said.frame), 960)
