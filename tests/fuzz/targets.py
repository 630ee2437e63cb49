"""What is fuzzed: a name, a check of arbitrary bytes, and inputs to begin with.

A check raises AssertionError, or anything else, if the bytes uncover a defect. `__main__.py` searches for such bytes
for as long as you like; `test_targets.py` tries some in every test run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.fuzz.client_frames import check_client_frame, check_native_frame
from tests.fuzz.frames import check_frames
from tests.fuzz.handshake import check_handshake
from tests.fuzz.upstream_frames import check_upstream_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ALL_LOCKS: Final = b"\x1f"
_NATIVE: Final = (
    (
        b'{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":null,'
        b'"transcription":{"model":"whisper-1","prompt":"p"}},"output":{"voice":"ash","speed":1.0}},"instructions":"i",'
        b'"tools":[{"type":"function","name":"f","parameters":{}}],"tool_choice":"auto","tracing":"auto"}}'
    ),
    b'{"type":"session.update","session":{"instructions":"i"},"type":"input_audio_buffer.clear"}',
    b'{"type":"response.create","response":{"input":[{"type":"message","role":"user","content":[]}],"metadata":{}}}',
    (
        b'{"type":"conversation.item.create","item":{"type":"message","role":"system","content":[{"type":"input_text",'
        b'"text":"t"}]}}'
    ),
    b'{"type":"input_audio_buffer.append","audio":"AAAA","event_id":"e"}',
    b'{"type":"transcription_session.update","session":{"input_audio_transcription":{"model":"whisper-1"}}}',
    b'{"type":"session.update ","Session":{}}',
    b'{"type":"conversation.item.create","item":{"type":"mcp_approval_response","approve":true}}',
)
_CLIENT: Final = (
    (
        b'{"type":"create_session","model":"m","voice":"v","instructions":"i","customerName":"n","tools":[],'
        b'"turnDetection":"semantic_vad","audioOut":"binary","kind":"transcription"}'
    ),
    b'{"type":"audio","audio":"AAAA"}',
    b'{"type":"interrupt","itemId":"i","playedMs":12.5}',
    b'{"type":"tool_result","callId":"c","output":"o"}',
    b'{"type":"ping","id":1e400}',
    b'{"type":"text","text":"\\ud800"}',
)
_UPSTREAM: Final = (
    b'{"type":"session.created","session":{"id":"s","expires_at":1e309}}',
    b'{"type":"error","error":{"type":"invalid_request_error","code":"model_not_found","message":"m","param":null}}',
    b'{"type":"response.output_audio.delta","delta":"AAAA"}',
    b'{"type":"response.done","response":{"status":"failed","status_details":{"error":{"code":null}}}}',
    b'{"event_id":"e","type":"session.updated","session":[]}',
)
_HANDSHAKES: Final = (
    (
        b"GET /a?b=%00 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x80abcd"
    ),
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.0\r\nUpgrade: websocket\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"HEAD / HTTP/1.2\r\nHost: h\r\n\r\n",  # rejected, and without a body all the same
    b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / ITTP/1.1\r\nHost: h\r\n\r\n",  # the second has a body again
    b"PRI * HTTP/1.0\r\n\r\n\n\r\n",  # closed before it was read whole
)
_FRAMES: Final = (
    b"\x81\x85abcd\x09\x07\x0f\x08\x0e\x89\x80abcd",
    b"\x01\x81abcd\x00\x80\x80abcd\x88\x82abcd\x62\x8a",
    b"\x82\xfe\x01\x00abcd" + bytes(256) + b"\x82\x7e\x00\x02ok\xc1\x00",
    b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is fuzzed."""

    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    """Inputs that are of the right kind."""


TARGETS: Final[Mapping[str, Target]] = {
    "client-frames": Target(
        check_client_frame, tuple(locks + frame for frame in _CLIENT + _NATIVE for locks in (b"\x00", _ALL_LOCKS))
    ),
    "native-frames": Target(
        check_native_frame, tuple(locks + frame for frame in _NATIVE for locks in (b"\x00", b"\x04", _ALL_LOCKS))
    ),
    "upstream-frames": Target(check_upstream_frame, tuple(b"\x00" + frame for frame in _UPSTREAM)),
    "handshake": Target(check_handshake, tuple(b"\x14" + head for head in _HANDSHAKES)),
    "frames": Target(check_frames, tuple(begin + data for data in _FRAMES for begin in (b"\x01\x40", b"\xf9\x01"))),
}
