"""One context to a bridge: the link, everything that was heard on it, and what the rows hand on to each other.

Whatever is opened on the way is closed with `aclose`, however the context ends.
"""

from __future__ import annotations

import random
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.audio.tracer import TracerReceiver, TracerSource
from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.transport.link import LinkClosed
from probes.access.context import close_link
from probes.bridge.message_audit import MessageAudit
from probes.voice.bridge_client import parse_frame
from reports.model import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.audio.tracer import TracerCount
    from bridge.transport.link import Link
    from bridge.upstream.dial.dial import OpenedStream
    from probes.targets.bridge import BridgeTarget
    from probes.voice.voice_client import ReceivedFrame

#: Kinds of message that end a wait for another one: they tell why that will not come.
STOP_TYPES = frozenset({"error", "reconnecting", "session_closed"})
#: Lines of the timeline that are kept: a context has some hundreds, a bridge that floods has no end.
_MOST_MOMENTS = 2_000
#: Kinds of native events that are counted by name; nobody sends more by accident.
_MOST_KINDS = 200
#: What the service answers to an interruption that crossed the end of the answer; and a native door's notice.
_HARMLESS = frozenset({"response_cancel_not_active", "audio_dropped"})
#: Samples of speech run on; these lines of the timeline are folded while they come.
_RUNS = frozenset({"audio", "input_audio_buffer.append", "(binary audio)"})


class SessionStopped(Exception):  # noqa: N818 - what the bridge said, as it stands
    """A message came that says why the one waited for will not."""

    def __init__(self, message: Mapping[str, Any]) -> None:
        super().__init__(str(message.get("type")))
        self.message = message


@dataclass(slots=True)
class BridgeContext:
    """The state of one context. Times are trio's, those of `moments` count from the beginning."""

    target: BridgeTarget
    began: float = field(default_factory=trio.current_time)
    opened: OpenedStream | None = None
    opened_at: float = 0.0
    link: Link | None = None
    connect_seconds: float | None = None
    """Name, TCP, TLS and upgrade together."""
    http_answered: bool = False
    """Something was heard in plain HTTP: who is silent to the upgrade then is not silent to everybody."""
    closed: bool = False
    """The link is over: nothing more can be looked at."""
    moments: list[Moment] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    """When things happened: `connected`, `create`, `ready`, `spoken`, `audio`."""
    native_events: Counter[str] = field(default_factory=Counter)
    """How many events of the service came, by type."""
    audit: MessageAudit = field(default_factory=MessageAudit)
    ready: Mapping[str, Any] = field(default_factory=dict)
    """What `session_ready` said, or at the native door `session.created`."""
    dialect: Dialect = Dialect.GA
    """What the native door speaks."""
    answers_pings: bool = False
    turn_detection: bool = False
    """The bridge keeps turn detection on: the end of speech is silence, not a commit."""
    expected_errors: set[str] = field(default_factory=set)
    """Codes of errors that we brought about ourselves."""
    missing_init_events: tuple[str, ...] = ()
    """Events of the beginning that never came."""
    dropped_ms: float = 0.0
    json_audio: int = 0
    binary_audio: int = 0
    """Bytes of speech that came down, in deltas and in binary frames."""
    source: TracerSource = field(default_factory=lambda: TracerSource(random.getrandbits(63)))
    echo: TracerReceiver = field(default_factory=TracerReceiver)

    # Saying

    async def send(self, message: Mapping[str, Any], detail: str = "") -> None:
        """Send one message. Raises LinkClosed."""
        self.add_moment("client", str(message.get("type")), detail)
        await self.require_link().send_text(msgspec.json.encode(message))

    async def send_raw(self, text: str, what: str) -> None:
        """Send a text that is no proper message."""
        self.add_moment("client", what)
        await self.require_link().send_text(text)

    async def send_audio(self, pcm: bytes) -> None:
        """Send a chunk of speech as a binary frame."""
        self.add_moment("client", "(binary audio)")
        await self.require_link().send_binary(pcm)

    def require_link(self) -> Link:
        """Give the link; only behind the upgrade."""
        if self.link is None:
            raise AssertionError("this row needs the upgrade")
        return self.link

    # Hearing

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame and take it in. Raises LinkClosed; cancelling loses nothing."""
        try:
            frame = await self.require_link().receive()
        except LinkClosed as closed:
            self.closed = True
            self.add_moment("server", "closed", f"{closed.code or ''} {closed.reason}".strip())
            raise
        heard = parse_frame(frame)
        if isinstance(frame, bytes):
            self._take_speech(frame)
        else:
            self._take(heard)
        return heard

    async def wait_for(
        self, *kinds: str, timeouts: float = 1.0, stop_types: frozenset[str] = STOP_TYPES
    ) -> Mapping[str, Any]:
        """Wait for a message of one of these kinds, for each message as long as the target's time-out, so many times.

        Raises Stopped for one that says why it will not come, TooSlowError when nothing comes, LinkClosed.
        """
        while True:
            with trio.fail_after(self.target.timeout * timeouts):
                event = (await self.receive()).event
            kind = event.get("type")
            if kind in kinds:
                return event
            if kind in stop_types and not self._is_tolerated(event):
                raise SessionStopped(event)

    async def wait_for_audio(self) -> None:
        """Wait until more speech comes down, in either form, or an answer ends without. Raises as `wait_for`."""
        before = self.answer_ms
        while self.answer_ms == before:
            with trio.fail_after(self.target.timeout):
                event = (await self.receive()).event
            if event.get("type") in STOP_TYPES and not self._is_tolerated(event):
                raise SessionStopped(event)
            if event.get("type") == "response.done":
                return

    async def receive_until_quiet(self, seconds: float) -> None:
        """Take in what still comes, until for so long nothing did. Raises LinkClosed."""
        quiet = False
        while not quiet:
            with trio.move_on_after(seconds) as scope:
                await self.receive()
            quiet = scope.cancelled_caught

    def _is_tolerated(self, event: Mapping[str, Any]) -> bool:
        if event.get("type") != "error":
            return False
        detail = event.get("detail")
        upstream = detail.get("upstream") if isinstance(detail, dict) else event.get("error")
        behind = upstream.get("code") if isinstance(upstream, dict) else None
        return str(event.get("code")) in self.expected_errors or str(behind) in _HARMLESS

    def _take(self, heard: ReceivedFrame) -> None:
        kind = str(heard.event.get("type", f"({heard.unreadable})"))
        if heard.native:
            self.native_events[
                kind if kind in self.native_events or len(self.native_events) < _MOST_KINDS else "(other)"
            ] += 1
            if kind in AUDIO_DELTAS:
                self._take_delta(heard.event)
        elif heard.event:
            self.audit.add(heard.event)
            self._take_notice(heard.event)
        self.add_moment("server", kind, _told(heard.event))

    def _take_notice(self, event: Mapping[str, Any]) -> None:
        """Add up what the bridge says it has given up; a native door can say it in words only."""
        inner = event.get("error")
        if isinstance(inner, dict) and inner.get("code") == "audio_dropped":
            ms = re.search(r"(\d+) ms", str(inner.get("message")))
            self.dropped_ms += float(ms[1]) if ms else 1.0
        elif event.get("type") == "audio_dropped":
            self.dropped_ms += _number(event.get("ms"))

    def _take_delta(self, event: Mapping[str, Any]) -> None:
        try:
            pcm = b64decode(str(event.get("delta", "")), validate=True)
        except (Base64Error, ValueError):
            return
        self.json_audio += len(pcm)
        self._take_answer(pcm)

    def _take_speech(self, pcm: bytes) -> None:
        self.add_moment("server", "(binary audio)", "")
        self.binary_audio += len(pcm)
        self._take_answer(pcm)

    def _take_answer(self, pcm: bytes) -> None:
        self.mark("audio")
        self.echo.feed(pcm)

    # Noting

    def mark(self, name: str) -> None:
        """Note that something happened for the first time."""
        self.marks.setdefault(name, trio.current_time())

    def seconds_between(self, first: str, then: str) -> float | None:
        """Give the time between two marks; None where one is missing."""
        return self.marks[then] - self.marks[first] if first in self.marks and then in self.marks else None

    def add_moment(self, who: str, what: str, detail: str = "") -> None:
        """Put a line on the timeline; runs of speech become one."""
        moment = Moment(at=trio.current_time() - self.began, who=who, what=self.excerpt(what, 80), detail=detail)
        last = self.moments[-1] if self.moments else None
        if last and what in _RUNS and (last.who, last.what) == (who, what):
            self.moments[-1] = replace(last, count=last.count + 1, until=moment.at)
        elif len(self.moments) < _MOST_MOMENTS:
            self.moments.append(moment)

    def excerpt(self, text: str, limit: int) -> str:
        """Make what the bridge said fit to be shown: without secrets, and then not longer than this."""
        return self.target.secrets.excerpt(text, limit)

    # The account

    def tracer_count(self) -> TracerCount | None:
        """Say what became of the tracer audio: by its echo, else by what the upstream tells. None: nobody knows.

        Where turns are detected an echo tells nothing: it is cut as the turns are.
        """
        caller, sent = self.source.caller, self.source.sent_ms
        if self.echoes and not self.turn_detection:
            return self.echo.counts({caller: sent})[caller]
        if self.target.upstream_tracer is not None:
            return self.target.upstream_tracer().counts({caller: sent})[caller]
        return None

    @property
    def echoes(self) -> bool:
        """Whether the answer is what was said."""
        return self.source.caller in self.echo.callers

    @property
    def answer_ms(self) -> float:
        """How much of an answer was heard."""
        return bytes_to_ms(self.json_audio + self.binary_audio)

    async def aclose(self) -> None:
        """Close everything that is open, within a bounded time even when the context was cancelled."""
        if self.link is not None:
            await close_link(self.link)
        elif self.opened is not None:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self.opened.stream)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


#: What of a bridge's own message stands on the timeline: never content.
_SHOWN = ("code", "reason", "attempt", "bufferedMs", "ms", "suppressed", "generation")


def _told(event: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {str(event[name])[:60]}" for name in _SHOWN if event.get(name) is not None)
