"""Every target holds for its seeds and for mutations of them, and each would find the defect that it exists for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.events import ClientNative
from tests.fuzz.strict_json import AmbiguousJsonError, read
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What mutations put in: what JSON, HTTP and frames are made of.
_PIECES = (
    *(b"{", b"}", b"[", b'"', b":", b",", b"null", b"1e400", b"-0", b"\\u0000", b"\\ud800", b"\xff", b"\x00", b" "),
    *(b'"type":"session.update",', b'"session":', b'"instructions":"x",', b'"Voice":1,', b'"prompt":{},', b'"role":'),
    *(b"\r\n", b"Content-Length: 1\r\n", b"Upgrade: websocket\r\n", b"HTTP/1.1", b"\x81\x80abcd", b"\x88\x80", b"\x7f"),
)


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of the seeds with a few cuts, copies and insertions."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        piece = draw(st.sampled_from(_PIECES) | st.binary(max_size=4) | st.just(data[at : at + 4 * length]))
        data = data[:at] + piece + data[at + draw(st.integers(0, length)) :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_its_seeds(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].check(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_for_mutations_of_its_seeds(name: str) -> None:
    @settings(max_examples=settings().max_examples // (5 if name == "handshake" else 1))  # each is a server of its own
    @given(mutated(TARGETS[name].seeds))
    def check(data: bytes) -> None:
        TARGETS[name].check(data)

    check()


def _finds(name: str, tried: Iterable[bytes] = ()) -> bool:
    try:
        for data in (*TARGETS[name].seeds, *tried):
            TARGETS[name].check(data)
    except (AssertionError, AmbiguousJsonError):
        return True
    return False


def _forwarded_as_it_came(kind: str, body: dict[str, Any], _: frozenset[str]) -> ClientNative:
    return ClientNative(kind, b'{"type":"session.update","type":"input_audio_buffer.clear"}', body)


DEFECTS = {
    "an event is forwarded as it came": (
        "native-frames",
        "bridge.server.clients.native_messages.to_native_event",
        _forwarded_as_it_came,
    ),
    "locks are not checked": ("native-frames", "bridge.server.clients.native_messages._check_locks", lambda *_: None),
    "locks are not checked at the client endpoint": (
        "client-frames",
        "bridge.server.clients.native_messages._check_locks",
        lambda *_: None,
    ),
    "only whole names are locked": (
        "native-frames",
        "bridge.server.clients.native_messages.find_locked_paths",
        lambda *_: iter(()),
    ),
    "locked options are accepted": (
        "client-frames",
        "bridge.server.clients.json_messages.check_locked_options",
        lambda *_: None,
    ),
    "half a sample is accepted": (
        "client-frames",
        "bridge.server.clients.native_messages.audio_problem",
        lambda _: None,
    ),
    "any key opens a WebSocket": ("handshake", "bridge.transport.http_server._KEY_BYTES", 3),
    "the short way takes other frames": (
        "frames",
        "bridge.transport.frame_cutter.WHOLE_MESSAGES",
        frozenset(range(256)),
    ),
}
_ODD = b'\x00{"type":"audio","audio":"AAA="}'.replace(b"AAA=", b"AA==")
_SHORT_KEY = TARGETS["handshake"].seeds[0].replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"AAAA")


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, place, replacement = DEFECTS[defect]
    tried = (_ODD, _SHORT_KEY)
    assert not _finds(name, tried)
    monkeypatch.setattr(place, replacement)
    assert _finds(name, tried)


@pytest.mark.parametrize(
    "text", [b'{"a":1,"a":2}', b"[1e999]", b"[NaN]", b'"\\ud800"', b"\xff", b"{}x", b"[" * 100_000]
)
def test_what_two_parsers_may_read_as_two_things_is_refused(text: bytes) -> None:
    with pytest.raises(AmbiguousJsonError):
        read(text)


def test_what_is_clear_is_read() -> None:
    assert read('{"a":[1,2.5,null,"é"]}'.encode()) == {"a": [1, 2.5, None, "é"]}
