"""An upstream with almost no cost: it opens and configures sessions, and echoes each append as one delta.

Run: python -m benchmarks.relay_upstream. It prints its port. It uses picows on uvloop, so that the relay is what is
measured. It is not a simulator: it checks nothing and has no turns.
"""

from __future__ import annotations

import json
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

_PCM = {"format": {"type": "audio/pcm", "rate": 24_000}}
_SESSION = {
    "id": "sess_relay",
    "object": "realtime.session",
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["audio"],
    "audio": {"input": _PCM, "output": _PCM},
    "expires_at": 2**32,
}
_PLACE = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}


def _event(event_type: str, **fields: object) -> bytes:
    return json.dumps({"type": event_type, "event_id": "event_1", **fields}, separators=(",", ":")).encode()


CREATED = _event("session.created", session=_SESSION)
UPDATED = _event("session.updated", session=_SESSION)
BEFORE_AUDIO, AFTER_AUDIO = _event("response.output_audio.delta", **_PLACE, delta="|").split(b"|")


def audio_of(append: bytes) -> bytes:
    """Cut the base64 out of an append, with any spacing of its JSON."""
    at = append.index(b'"', append.index(b'"audio"') + 7) + 1
    return append[at : append.index(b'"', at)]


class Session(WSListener):
    """One session."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Send session.created."""
        transport.send(WSMsgType.TEXT, CREATED)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Confirm an update, echo an append, ignore everything else."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            event = frame.get_payload_as_bytes()
            if b"input_audio_buffer.append" in event[:120]:
                transport.send(WSMsgType.TEXT, BEFORE_AUDIO + audio_of(event) + AFTER_AUDIO)
            elif b"session.update" in event[:80]:
                transport.send(WSMsgType.TEXT, UPDATED)


def _accept(_request: WSUpgradeRequest) -> WSListener:
    return Session()


async def main() -> None:
    """Serve until killed."""
    server = await ws_create_server(_accept, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
