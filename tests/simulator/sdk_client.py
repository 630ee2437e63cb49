"""The official SDK as a client in tests: connections that check each event they receive, and that time out.

`SdkSession.next` compares each frame with what the SDK parsed from it. So each test of a flow also tests that the SDK
parses all its events without loss.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args

import openai.types.beta.realtime as beta_types
import pydantic
import pytest
from openai import OpenAI, omit
from openai.resources.beta.realtime.realtime import RealtimeConnection as BetaConnection
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types import realtime as ga_types
from websockets.exceptions import ConnectionClosed

from bridge.protocol.audio.pcm import chunks, silence
from bridge.protocol.audio.wav import read_wav
from bridge.protocol.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openai.types.websocket_connection_options import SyncWebSocketConnectionOptions

    from sherpa_realtime_pytest import RealtimeSimulator

ConnectionT = TypeVar("ConnectionT", RealtimeConnection, BetaConnection)
Known = frozenset[type[pydantic.BaseModel]]
EventT = TypeVar("EventT", bound=pydantic.BaseModel)

#: websockets 17 warns about how the SDK opens its connections. Every module that uses the SDK needs this mark.
SDK_DEPRECATION_FILTER = pytest.mark.filterwarnings(
    "ignore:connect.. must be used as a context manager:DeprecationWarning"
)
_QUESTION = Path(__file__).parents[2] / "probes" / "data" / "question.wav"
#: The newest model that the SDK's types of the beta dialect know.
BETA_MODEL = "gpt-realtime"
#: No conversation of these tests takes longer, even on a busy machine.
TIMEOUT_SECONDS = 60.0
#: Fields without a type in the SDK. Recorded in July to September 2026: the padding of text deltas, a session's id and
#: expiry, the phase of a message. In the beta dialect: late additions to the session, typed for REST only.
UNDOCUMENTED = frozenset(
    {
        ".obfuscation",
        ".session.id",
        ".session.object",
        ".session.expires_at",
        ".item.phase",
        ".response.output[0].phase",
    }
)
BETA_UNDOCUMENTED = frozenset({".session.prompt", ".session.include"})
#: The library's synchronous client takes ten seconds to close while more frames wait than its queue holds.
OPTIONS: SyncWebSocketConnectionOptions = {"max_queue": None}


def _members(union: object) -> Known:
    """Return the classes in the SDK's annotated union of server events."""
    return frozenset(get_args(get_args(union)[0]))


GA_EVENTS = _members(ga_types.RealtimeServerEvent)
BETA_EVENTS = _members(beta_types.RealtimeServerEvent)


def parse_losses(frame: bytes, event: pydantic.BaseModel, known: Known = GA_EVENTS) -> list[str]:
    """Return what the SDK did not understand of a frame; an empty list if its types cover all of it."""
    raw = json.loads(frame)
    kind = type(event)
    if kind not in known or raw["type"] not in get_args(kind.model_fields["type"].annotation):
        return [f"{raw['type']} was taken for {kind.__name__}"]
    unknown = sorted({*_extras(event, "")} - UNDOCUMENTED - (BETA_UNDOCUMENTED if known is BETA_EVENTS else set()))
    found = [f"{raw['type']}: unknown field {path}" for path in unknown]
    if event.model_dump(mode="json", exclude_unset=True, by_alias=True, warnings=False) != raw:
        found.append(f"{raw['type']}: dumped again it is another")
    try:
        kind.model_validate(raw)
    except pydantic.ValidationError as error:
        found.append(f"{raw['type']}: {error}")
    return found


def _extras(value: object, path: str) -> Iterator[str]:
    """Yield the paths of fields that the SDK has no type for."""
    if isinstance(value, pydantic.BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name, None), f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _extras(inner, f"{path}[{index}]")


@dataclass(frozen=True, slots=True)
class Closed:
    """How the service closed the connection."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An `error` event and the close that followed it."""

    type: str
    code: str | None
    message: str
    close: Closed


class SdkSession(Generic[ConnectionT]):
    """One connection of the SDK. `events` are all events received so far, as parsed by the SDK."""

    def __init__(self, connection: ConnectionT, known: Known = GA_EVENTS) -> None:
        self.connection: ConnectionT = connection
        self.events: list[pydantic.BaseModel] = []
        self._known = known

    def next(self) -> pydantic.BaseModel:
        """Receive one event. Raises AssertionError if the SDK lost part of it, and ConnectionClosed at the end."""
        frame = self.connection.recv_bytes()
        event = cast("pydantic.BaseModel", self.connection.parse_event(frame))
        if lost := parse_losses(frame, event, self._known):
            raise AssertionError("\n".join(lost))
        self.events.append(event)
        return event

    def until(self, kind: type[EventT]) -> EventT:
        """Receive events up to the next one of this class, and return that."""
        while not isinstance(event := self.next(), kind):
            pass
        return event

    def rest(self) -> Closed:
        """Receive events until the service closes the connection."""
        try:
            while True:
                self.next()
        except ConnectionClosed as end:
            if end.rcvd is None:
                raise AssertionError("the connection ended without a close frame") from end
            return Closed(end.rcvd.code, end.rcvd.reason)

    def refused(self) -> Refused:
        """Receive a refusal: an `error` as the only event, then the close."""
        close = self.rest()
        if self.types != ["error"]:
            raise AssertionError(f"expected one error and the close, got {self.types}")
        error = cast("Any", self.events[0]).error
        return Refused(error.type, error.code, error.message, close)

    def of(self, kind: type[EventT]) -> list[EventT]:
        """Return the events of this class so far."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def types(self) -> list[str]:
        """The types of the events so far, in order."""
        return [str(cast("Any", event).type) for event in self.events]

    @property
    def steps(self) -> list[str]:
        """The same, with a run of equal types as one."""
        return [name for before, name in zip(["", *self.types], self.types, strict=False) if name != before]

    @property
    def counts(self) -> Counter[str]:
        """How often each type came."""
        return Counter(self.types)


def sdk_client(simulator: RealtimeSimulator, key: str | None = None) -> OpenAI:
    """Return an SDK client for a simulator. It does not retry."""
    sockets = simulator.base_url.replace("http", "ws", 1)
    api_key = simulator.api_key.reveal() if key is None else key
    return OpenAI(base_url=simulator.base_url, websocket_base_url=sockets, api_key=api_key, max_retries=0)


@contextmanager
def close_on_timeout(connection: RealtimeConnection | BetaConnection) -> Iterator[None]:
    """Close a connection after a time limit, so that a test that waits for it fails instead of hanging."""
    watchdog = Timer(TIMEOUT_SECONDS, connection.close)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


@contextmanager
def connect_sdk(
    simulator: RealtimeSimulator,
    *,
    key: str | None = None,
    model: str | None = DEFAULT_MODEL,
    query: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[SdkSession[RealtimeConnection]]:
    """Connect the SDK. With `model=None`, the URL has no model."""
    with sdk_client(simulator, key) as client:
        manager = client.realtime.connect(
            model=model or omit,
            extra_query=dict(query or {}),
            extra_headers=dict(headers or {}),
            websocket_connection_options=OPTIONS,
        )
        with manager as connection, close_on_timeout(connection):
            yield SdkSession(connection)


@contextmanager
def connect_sdk_beta(
    simulator: RealtimeSimulator, *, key: str | None = None, query: Mapping[str, object] | None = None
) -> Iterator[SdkSession[BetaConnection]]:
    """Connect with the SDK's `client.beta.realtime`, which sends the beta header."""
    with sdk_client(simulator, key) as client:
        manager = client.beta.realtime.connect(
            model=BETA_MODEL, extra_query=dict(query or {}), websocket_connection_options=OPTIONS
        )
        with manager as connection, close_on_timeout(connection):
            yield SdkSession(connection, BETA_EVENTS)


def question() -> bytes:
    """Return 2.9 s of real speech, and 0.8 s of silence that ends the turn."""
    return read_wav(_QUESTION).pcm + silence(800)


def send_audio(connection: RealtimeConnection | BetaConnection, pcm: bytes) -> None:
    """Send audio in chunks of 100 ms, as fast as possible."""
    for chunk in chunks(pcm, 100):
        connection.input_audio_buffer.append(audio=b64encode(chunk).decode())
