"""A session that was recorded, played again by the simulator. Sans-I/O, with the interface of `SimulatedSession`.

Every event of the service comes as it was recorded, in the recorded order and rhythm, once the client has sent what
came before it in the recording. It is the same for every client: what a client sends beyond that has no effect. Content
that the recording does not hold is replaced (`bridge.protocol.recordings.filler`), and `expires_at` is moved to today.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.protocol.recordings.capture import VIA_CLIENT, ClosedEnding
from bridge.protocol.recordings.filler import Filler
from bridge.protocol.recordings.playback import SERVER_SIDE, Playback
from bridge.simulator.session.state import ServerClose, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bridge.protocol.recordings.capture import Capture, CaptureEntry
    from bridge.simulator.session.behaviour import SessionBehaviour
    from bridge.simulator.session.state import ServerOutput

#: The caller number of the tracer audio in answers.
_ANSWER_CALLER: Final = 2
#: How a connection ends here that broke without a close frame in the recording.
_BROKEN: Final = 1011


def unplayable(capture: Capture) -> str:
    """Say why a recording can't be played as a service; empty if it can."""
    if capture.header.via == VIA_CLIENT:
        return (
            "it was recorded between a client and a bridge, so it has no events of the service; record between the "
            "bridge and the service"
        )
    return "" if any(entry.who in SERVER_SIDE for entry in capture.entries) else "it holds no event of the service"


class RecordedSession:
    """One playing of a recorded session, from the 101 to the close."""

    __slots__ = ("_capture", "_close_at", "_filler", "_moved", "_on_audio", "_playback", "_speed", "session_id")

    def __init__(
        self,
        capture: Capture,
        *,
        session_id: str,
        unix_time: float,
        speed: float = 1.0,
        now: float = 0.0,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> None:
        """`speed` divides the recorded pauses; `on_audio` receives each piece of input audio."""
        self.session_id = session_id
        self._capture, self._speed, self._on_audio = capture, speed, on_audio
        self._moved = unix_time - _unix_time(capture.header.started)
        self._playback = Playback(capture.entries, from_client=False, speed=speed, now=now)
        self._filler = Filler((entry for entry in capture.entries if entry.who in SERVER_SIDE), caller=_ANSWER_CALLER)
        self._close_at = math.inf

    @property
    def next_wake(self) -> float | None:
        """When to call `wake` next; None if nothing happens until the client sends something."""
        if self._close_at != math.inf:
            return self._close_at
        return self._playback.next_due

    def start(self, now: float) -> list[ServerOutput]:
        """Start the session; call this once."""
        return self._due(now)

    def wake(self, now: float) -> list[ServerOutput]:
        """Send everything that is due by now."""
        return self._due(now)

    def receive(self, event: str | bytes, now: float) -> list[ServerOutput]:
        """Take a client event: the recording goes on once the client has sent what it waits for."""
        try:
            found = msgspec.json.decode(event)
        except (msgspec.DecodeError, RecursionError):
            found = None
        if isinstance(found, dict):
            self._playback.heard(found, now)
            self._count_audio(found)
        return self._due(now)

    def receive_binary(self, message: bytes, now: float) -> list[ServerOutput]:
        """Take a binary message, which is ignored."""
        del message
        return self._due(now)

    def change_behaviour(self, change: Callable[[SessionBehaviour], SessionBehaviour]) -> None:
        """Do nothing: faults change what goes out, but a recorded session behaves as it was recorded."""

    def _count_audio(self, event: dict[str, Any]) -> None:
        audio = event.get("audio")
        if self._on_audio is None or not isinstance(audio, str):
            return
        try:
            self._on_audio(msgspec.convert(audio, bytes))
        except msgspec.ValidationError:
            return

    def _due(self, now: float) -> list[ServerOutput]:
        outputs: list[ServerOutput] = list(self._events(self._playback.due(now)))
        ending = self._capture.ending
        if self._close_at == math.inf and self._playback.finished and isinstance(ending, ClosedEnding):
            last = max((entry.at for entry in self._capture.entries), default=0.0)
            self._close_at = now + max(0.0, ending.at - last) / self._speed
        if now >= self._close_at and isinstance(ending, ClosedEnding) and ending.by_peer:
            code = ending.code if ending.code and ending.code not in (1005, 1006) else _BROKEN
            outputs.append(ServerClose(code, ending.reason))
            self._close_at = math.inf
        return outputs

    def _events(self, entries: Iterable[CaptureEntry]) -> Iterator[ServerOutput]:
        for entry in entries:
            event = self._filler.event(entry)
            session = event.get("session")
            if isinstance(session, dict):
                event["session"] = {**session, **self._renewed(session)}
            yield ServerEvent(entry.type, event)

    def _renewed(self, session: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a session object that can't stay as they were recorded."""
        expires = session.get("expires_at")
        moved = {"expires_at": round(expires + self._moved)} if isinstance(expires, int) and expires > 0 else {}
        return {**moved, **({"id": self.session_id} if "id" in session else {})}


def _unix_time(started: str) -> float:
    try:
        return datetime.fromisoformat(started).timestamp()
    except ValueError:
        return 0.0
