"""The upstream of the bridge under test: the simulated service, scripted from inside, that keeps all it received.

The bridge is its client. One upstream belongs to one bridge, and one case runs at a time, so that every connection
belongs to the case.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from bridge.protocol.audio.tracer import TracerReceiver
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.protocol.events.peek import peek
from bridge.protocol.recordings.playback import CLIENT_SIDE, SERVER_SIDE
from bridge.simulator.faults.actions import CloseFrame, Drop, Freeze, RawBytes, Reset, TextFrame
from bridge.simulator.faults.registry import parse_fault
from bridge.simulator.service.connection import Connection
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from probes.conformance.peers.expected_list import ExpectedList
from probes.conformance.peers.wire_log import TO_UPSTREAM, UPSTREAM, WireLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.protocol.recordings.capture import Capture
    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.faults.pipeline import FaultPipeline
    from bridge.simulator.service.journal import SessionRecord
    from bridge.simulator.session.recorded import RecordedSession
    from bridge.simulator.session.session import SimulatedSession
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.http_server import WebSocketUpgrade
    from bridge.transport.websocket import WebSocketLink

#: Answers come ten times as fast as the service gives them, unless a case asks for another pace.
PACE: Final = 10.0
#: Events of one session: a bridge that floods its upstream does not fill the suite's memory.
MAX_EVENTS: Final = 20_000
_SESSIONS, _DIALS = "upstream sessions of the bridge", "upstream connections of the bridge"
_APPENDS: Final = frozenset({"input_audio_buffer.append"})


@dataclass(frozen=True, slots=True)
class Dial:
    """One attempt of the bridge to open a WebSocket."""

    at: float
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """With lower-case names."""


class SeenEvent:
    """One event that the bridge sent, or that the upstream did."""

    def __init__(self, at: float, event_type: str, data: bytes) -> None:
        self.at, self.type, self.data = at, event_type, data

    @cached_property
    def body(self) -> dict[str, Any]:
        """The event as JSON; empty if it is no object."""
        try:
            value = msgspec.json.decode(self.data)
        except msgspec.DecodeError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class SeenSession:
    """One upstream session of the bridge."""

    number: int
    """Counts the sessions of the case, from 1."""
    dial: Dial
    log: WireLog
    opened_at: float
    connection: WatchedConnection
    received: list[SeenEvent] = field(default_factory=list)
    sent: list[SeenEvent] = field(default_factory=list)
    tracer: TracerReceiver = field(default_factory=TracerReceiver)
    running: bool = False
    """Whether the handshake is done, now or once."""
    closed_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the socket is open."""
        return self.running and self.closed_at is None

    @property
    def id(self) -> str:
        """The session id that the bridge was told."""
        return self.connection.record.session_id

    def of_type(self, *types: str) -> ExpectedList[SeenEvent]:
        """Return what the bridge sent of these types, in order."""
        found = (event for event in self.received if event.type in types)
        return ExpectedList(found, f"{' or '.join(types)} from the bridge")

    def sent_of(self, *types: str) -> ExpectedList[SeenEvent]:
        """Return what the upstream sent of these types, in order."""
        found = (event for event in self.sent if event.type in types)
        return ExpectedList(found, f"{' or '.join(types)} of the upstream, each an answer to the bridge")

    def append_sizes(self) -> list[int]:
        """Return how many bytes of audio each append of the bridge had."""
        return [len(_decoded(event.body.get("audio"))) for event in self.received if event.type in _APPENDS]

    def audio_sent(self) -> bytes:
        """Return the audio of the answers that the upstream sent."""
        return b"".join(_decoded(event.body.get("delta")) for event in self.sent_of(*AUDIO_DELTAS))

    def types(self) -> list[str]:
        """Return the types of all that the bridge sent, with appends in a row as one."""
        types: list[str] = []
        for event in self.received:
            if not (event.type in _APPENDS and types[-1:] == [event.type]):
                types.append(event.type)
        return types

    def send(self, event: Mapping[str, Any]) -> None:
        """Send an event of the case's own making."""
        self.connection.perform(TextFrame(str(event.get("type", "")), msgspec.json.encode(event)))

    def send_text(self, text: str) -> None:
        """Send a text frame, whatever is in it."""
        self.connection.perform(TextFrame(text[:20], text.encode()))

    def send_error(self, code: str, message: str = "", error_type: str = "invalid_request_error") -> None:
        """Send an `error` event."""
        error = {"type": error_type, "code": code, "message": message or f"The suite sends {code}.", "param": None}
        self.send({"type": "error", "event_id": f"event_suite_{trio.current_time():.6f}", "error": error})

    def send_raw(self, data: bytes) -> None:
        """Write bytes past the codec."""
        self.connection.perform(RawBytes(data))

    def close(self, code: int, reason: str = "") -> None:
        """Close with a close frame."""
        self.connection.perform(CloseFrame(code, reason))

    def drop(self) -> None:
        """End TCP in order, without a close frame."""
        self.connection.perform(Drop())

    def reset(self) -> None:
        """Reset TCP."""
        self.connection.perform(Reset())

    def freeze(self) -> None:
        """Neither read nor write from now on."""
        self.connection.perform(Freeze())

    def apply(self, *faults: str) -> None:
        """Apply faults from now on."""
        self.connection.add_faults([parse_fault(text) for text in faults])


class WatchedConnection(Connection):
    """A connection of the simulated service that also keeps what passes."""

    __slots__ = ("_recorded", "watched")

    def __init__(
        self,
        session: SimulatedSession | RecordedSession,
        pipeline: FaultPipeline,
        record: SessionRecord,
        upstream: ScriptedUpstream,
    ) -> None:
        super().__init__(session, pipeline, record)
        self._recorded = upstream.settings.recording
        self.watched = upstream.add_session(self)

    async def run(self, link: WebSocketLink) -> None:
        """Run the session, and note its end."""
        self.watched.running = True
        self.watched.log.notify()  # from now on a case can send in it
        try:
            await super().run(link)
        finally:
            self.watched.closed_at = trio.current_time()
            code = self.record.close_code if self.record.closed_by_client else ""
            self.watched.log.add(
                TO_UPSTREAM if self.record.closed_by_client else UPSTREAM,
                f"closes session {self.watched.number}",
                f"{code or ''} {self.record.close_reason}".strip(),
            )

    def on_text(self, data: bytes) -> None:
        """Keep a client event, then answer it."""
        watched = self.watched
        kind = peek(data) or "(no type)"
        event = SeenEvent(trio.current_time(), kind, bytes(data))
        if len(watched.received) < MAX_EVENTS:
            watched.received.append(event)
        if kind in _APPENDS:
            watched.tracer.feed(_decoded(event.body.get("audio")))
        watched.log.add(TO_UPSTREAM, kind, f"session {watched.number}")
        if self._recorded is not None and kind == "session.update" and not _holds(self._recorded, event.body):
            watched.send(_confirmation(self._recorded))
            return
        super().on_text(data)

    def on_binary(self, data: bytes) -> None:
        """Keep a binary message, then answer it."""
        self.watched.received.append(SeenEvent(trio.current_time(), "(binary)", b""))
        self.watched.log.add(TO_UPSTREAM, "(binary)", f"session {self.watched.number}")
        super().on_binary(data)

    def _carry_out(self, action: WireAction, now: float) -> bool:
        done = super()._carry_out(action, now)
        if done and isinstance(action, TextFrame):
            watched = self.watched
            if len(watched.sent) < MAX_EVENTS:
                watched.sent.append(SeenEvent(now, action.type, action.data))
            watched.log.add(UPSTREAM, action.type, f"session {watched.number}")
        elif done:
            self.watched.log.add(UPSTREAM, type(action).__name__.lower(), f"session {self.watched.number}")
        return done


#: Confirms a configuration that is the bridge's own, where a recording is played.
OWN_CONFIGURATION: Final = "event_suite_configured"


def _holds(recording: Capture, update: Mapping[str, Any]) -> bool:
    """Whether the recorded client has sent this event; the rest of the session is played for it."""
    return any(entry.who in CLIENT_SIDE and entry.event == update for entry in recording.entries)


def _confirmation(recording: Capture) -> dict[str, Any]:
    """Return what a bridge waits for that configures the session itself, beside what the client has recorded."""
    events = (entry.event for entry in recording.entries if entry.who in SERVER_SIDE)
    session: object = next((event["session"] for event in events if "session" in event), {})
    return {"type": "session.updated", "event_id": OWN_CONFIGURATION, "session": session}


def _decoded(audio: object) -> bytes:
    try:
        return msgspec.convert(audio, bytes) if isinstance(audio, str) else b""
    except msgspec.ValidationError:
        return b""


class ScriptedUpstream(Simulator):
    """The simulated service, with a plan for each connection of the running case."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings(dialect="both", pace=PACE, ping_seconds=5.0))
        self.dials = ExpectedList[Dial]((), _DIALS)
        self.sessions = ExpectedList[SeenSession]((), _SESSIONS)
        self.requests: list[str] = []
        """REST requests of the case: `POST /v1/realtime/client_secrets`."""
        self._plan: list[tuple[Fault, ...]] = [()]
        self._log = WireLog()
        self._scenario = "good"
        self._recording: Capture | None = None

    def start_case(self, log: WireLog) -> None:
        """Forget the last case. What it left open is dropped."""
        self.end_case()
        self.reset()
        self.dials, self.sessions = ExpectedList((), _DIALS), ExpectedList((), _SESSIONS)
        self.requests, self._plan, self._log = [], [()], log
        self._scenario, self._recording = "good", None

    def end_case(self) -> None:
        """Drop every session that is still open."""
        for session in self.sessions:
            if session.is_open:
                session.drop()

    def plan(self, *faults_by_dial: Sequence[str]) -> None:
        """Set the faults of the next dials, one sequence each. The last one is for all that follow."""
        self._plan = [
            *([()] * len(self.dials)),
            *(tuple(parse_fault(text) for text in faults) for faults in faults_by_dial),
        ]

    def speak_beta(self) -> None:
        """Speak the beta dialect in this case, whatever the bridge asks for."""
        self._scenario = "beta-server"

    def play(self, recording: Capture) -> None:
        """Play a recorded session at the next dial of this case, and at that one only."""
        self._recording = recording

    @property
    def open_sessions(self) -> list[SeenSession]:
        """The sessions whose sockets are open."""
        return [session for session in self.sessions if session.is_open]

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Note a REST request, then answer it."""
        self.requests.append(f"{request.method} {request.path}")
        self._log.add(TO_UPSTREAM, f"{request.method} {request.path}")
        return await super().http(request)

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Note a dial, then serve it by the plan."""
        request = upgrade.request
        headers = {name.lower(): request.header(name.lower()) or "" for name in ("authorization", "openai-beta")}
        self.dials.append(Dial(trio.current_time(), request.path, request.query, headers))
        self._log.add(TO_UPSTREAM, "dials", f"{request.path}?model={request.query.get('model', '')}")
        faults = self._plan[min(len(self.dials), len(self._plan)) - 1]
        self.choose(self._scenario, faults)
        self.settings, self._recording = replace(self.settings, recording=self._recording), None
        await super().websocket(upgrade)

    def make_connection(
        self, session: SimulatedSession | RecordedSession, pipeline: FaultPipeline, record: SessionRecord
    ) -> Connection:
        """Make a connection that keeps what passes."""
        return WatchedConnection(session, pipeline, record, self)

    def add_session(self, connection: WatchedConnection) -> SeenSession:
        """Add the record of a new session."""
        session = SeenSession(len(self.sessions) + 1, self.dials[-1], self._log, trio.current_time(), connection)
        self.sessions.append(session)
        return session
