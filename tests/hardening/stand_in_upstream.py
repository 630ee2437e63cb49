"""A stand-in for the service in a process of its own: cheap, honest to most sessions, hostile to those that ask for it.

    python -m tests.hardening.stand_in_upstream

It prints its port. A session whose instructions are the name of a flood gets that flood without end, as fast as the
bridge takes it. Every session may ask with `test.report` how much of a tracer's audio arrived.
"""

from __future__ import annotations

import itertools
import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.tracer import TracerReceiver
from bridge.transport.http import HttpRequest, HttpResponse, text_response
from bridge.transport.http_server import serve_tcp
from bridge.transport.link import LinkClosed
from tests.hardening.raw_websocket import frame

if TYPE_CHECKING:
    from bridge.transport.http_server import WebSocketUpgrade
    from bridge.transport.websocket import WebSocketLink

#: How many frames of a flood are written at once.
_BATCH = 500
_ids = itertools.count(1)


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": f"event_{next(_ids)}", **fields})


def _frames(opcode: int, payload: str) -> bytes:
    return frame(opcode, payload.encode(), masked=False) * _BATCH


_ERROR = {"type": "invalid_request_error", "code": "invalid_value", "message": "No. " * 20, "param": "x"}
#: By the instructions that ask for it.
FLOODS = {
    "flood of events": _frames(1, _event("conversation.item.input_audio_transcription.delta", delta="")),
    "flood of pings": _frames(9, "ping"),
    "flood of errors": _frames(1, _event("error", error=_ERROR)),
    "flood of starts": _frames(1, _event("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_1")),
    "flood of rubbish": _frames(1, '{"type":"response.done","response":'),
}


async def _http(request: HttpRequest) -> HttpResponse:
    return text_response(404, request.path)


async def _websocket(upgrade: WebSocketUpgrade) -> None:
    link = await upgrade.accept("realtime" if "realtime" in upgrade.subprotocols else None)
    session = {
        "type": "realtime",
        "object": "realtime.session",
        "id": f"sess_{next(_ids)}",
        "model": "gpt-realtime-2.1",
    }
    await link.send_text(_event("session.created", session=session))
    tracer = TracerReceiver()
    try:
        while True:
            event = json.loads(await link.receive())
            match event["type"]:
                case "session.update":
                    await link.send_text(_event("session.updated", session=session | event["session"]))
                    await _flood(link, FLOODS.get(event["session"].get("instructions", "")))
                case "input_audio_buffer.append":
                    tracer.feed(b64decode(event["audio"]))
                case "test.report":
                    counts = tracer.counts({event["caller"]: event["sent_ms"]})[event["caller"]]
                    report = {"lost_ms": counts.lost_ms, "clean": counts.clean}
                    await link.send_text(_event("test.report", **report))
    except LinkClosed:
        pass


async def _flood(link: WebSocketLink, frames: bytes | None) -> None:
    if frames is not None:
        try:
            while True:
                await link.stream.send_all(frames)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise LinkClosed(1006, by_peer=True) from None


async def _main() -> None:
    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(lambda **how: serve_tcp(http=_http, websocket=_websocket, **how))
        print(port, flush=True)  # noqa: T201 - for the test


if __name__ == "__main__":
    trio.run(_main)
