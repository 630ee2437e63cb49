"""An upstream with almost no cost: it opens and configures sessions, and echoes each append as one delta.

Run: python -m benchmarks.relay.upstream. Its first line is JSON: the plain port, and the TLS port with the file of the
authority to trust, if the extra `[tls]` is installed. It uses picows on uvloop, so that the relay is what is measured.
It is not a simulator: it checks nothing and has no turns.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bridge.simulator.certificate import CertificateError, ServerTls, make_certificate

if TYPE_CHECKING:
    import asyncio

_HOST = "127.0.0.1"
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


class EchoSession(WSListener):
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
    return EchoSession()


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _make_tls(stack: ExitStack) -> ServerTls | None:
    try:
        return stack.enter_context(make_certificate(_HOST))
    except CertificateError:
        return None


async def main() -> None:
    """Serve until killed."""
    with ExitStack() as stack:
        plain = await ws_create_server(_accept, _HOST, 0)
        told: dict[str, object] = {"port": _port_of(plain)}
        tls = _make_tls(stack)
        if tls is not None:
            secure = await ws_create_server(_accept, _HOST, 0, ssl=tls.context)
            told |= {"tls_port": _port_of(secure), "authority": str(tls.authority)}
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()
        await plain.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
