"""A bridge with almost no cost: its sessions are ready at once, and it echoes each chunk as audio of an answer.

Run: python -m benchmarks.load_peer. It prints its port and serves both endpoints. It uses picows on uvloop, so that the
callers are what is measured. It is not a simulator: it checks nothing and has no turns.
"""

from __future__ import annotations

import json
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from benchmarks.relay.upstream import AFTER_AUDIO, BEFORE_AUDIO, CREATED, UPDATED, audio_of


def _message(kind: str, **fields: object) -> bytes:
    return json.dumps({"type": kind, "timestamp": "2026-11-21T00:00:00.000Z", **fields}).encode()


_CONNECTED = _message("connected", clientId="c", protocol=1)
_READY = _message("session_ready", message="", sessionId="s", model="m", generation=1)
_ENDED = _message("session_closed", reason="ended", generation=1)


class _Session(WSListener):
    def __init__(self, *, native: bool) -> None:
        self._native = native

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, CREATED if self._native else _CONNECTED)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Echo speech, answer other messages."""
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self._answer(transport, frame.get_payload_as_bytes())

    def _answer(self, transport: WSTransport, event: bytes) -> None:
        if b"input_audio_buffer.append" in event[:80]:
            transport.send(WSMsgType.TEXT, BEFORE_AUDIO + audio_of(event) + AFTER_AUDIO)
        elif b"create_session" in event[:80]:
            transport.send(WSMsgType.TEXT, _READY)
        elif b"session.update" in event[:80]:
            transport.send(WSMsgType.TEXT, UPDATED)
        elif b"end_session" in event[:80]:
            transport.send(WSMsgType.TEXT, _ENDED)


def _accept(request: WSUpgradeRequest) -> WSListener:
    return _Session(native=bytes(request.path).startswith(b"/v1/"))


async def main() -> None:
    """Serve until killed."""
    server = await ws_create_server(_accept, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
