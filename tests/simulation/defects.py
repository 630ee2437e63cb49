"""Bridges with a mistake in them: each wraps the real thing at a seam, and breaks one promise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.core.commands import Forward, SendMessage
from bridge.core.events import UpstreamEvent
from bridge.driver.client import Frame
from bridge.server.app import Bridge, Dependencies
from bridge.server.clients.json_client import JsonClient
from bridge.server.clients.native_client import NativeClient
from bridge.simulation.runner import Defect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.transport.http import HttpRequest
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.connector import Connector, UpstreamLink
    from bridge.upstream.event_decoder import DecodedEvent


class FaultyLink:
    """An upstream session as it is; its children bend one thing."""

    def __init__(self, link: UpstreamLink) -> None:
        self.link = link
        self.generation = link.generation
        self.sent = 0

    @property
    def pings_outstanding(self) -> int:
        return self.link.pings_outstanding

    @property
    def acknowledged_bytes(self) -> int:
        return self.link.acknowledged_bytes

    async def receive(self) -> DecodedEvent:
        return await self.link.receive()

    async def configure(self, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        await self.link.configure(wish, updates)

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        self.sent += 1
        await self.link.send_audio(pcm, event_id)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        await self.link.send_event(event)

    async def send_frame(self, frame: bytes) -> None:
        await self.link.send_frame(frame)

    async def ping(self) -> None:
        await self.link.ping()

    async def close(self, reason: str) -> None:
        await self.link.close(reason)


class LosesAudio(FaultyLink):
    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        self.sent += 1
        if self.sent % 3:
            await self.link.send_audio(pcm, event_id)


class DuplicatesAudio(FaultyLink):
    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        await super().send_audio(pcm, event_id)
        if self.sent % 3 == 0:
            await self.link.send_audio(pcm, event_id)


class ReordersAudio(FaultyLink):
    kept: bytes | None = None

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        if self.kept is None:
            self.kept = pcm
            return
        kept, self.kept = self.kept, None
        await self.link.send_audio(pcm, event_id)
        await self.link.send_audio(kept, event_id)


class TruncatesAudio(FaultyLink):
    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        await self.link.send_audio(pcm[:-100], event_id)


class SendsBeforeReady(FaultyLink):
    async def configure(self, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        await self.link.send_event({"type": "input_audio_buffer.clear"})
        await self.link.configure(wish, updates)


class NeverCloses(FaultyLink):
    async def close(self, reason: str) -> None:
        self.why = reason
        await trio.lowlevel.checkpoint()


class ClosesLate(FaultyLink):
    async def close(self, reason: str) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
        await self.link.close(reason)


class ForwardsLateEvents(FaultyLink):
    """Passes an event of an earlier session on as one of its own."""

    last: UpstreamEvent | None = None
    begun = False

    async def receive(self) -> DecodedEvent:
        happened = await self.link.receive()
        old, kind = ForwardsLateEvents.last, type(self)
        if isinstance(happened, UpstreamEvent):
            kind.last = happened
            if old is not None and old.generation < self.generation and not self.begun:
                self.begun = True
                return replace(old, generation=self.generation)
        return happened


class FaultyConnector:
    def __init__(self, connector: Connector, bend: Callable[[UpstreamLink], UpstreamLink]) -> None:
        self._connector, self._bend = connector, bend

    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        return self._bend(await self._connector.open(generation, wish))


class RaisingConnector:
    def __init__(self, _: Connector) -> None:
        pass

    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        await trio.lowlevel.checkpoint()
        raise RuntimeError(f"a mistake in generation {generation} with {len(wish)} wishes")


class HangingConnector(RaisingConnector):
    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        await trio.sleep_forever()
        raise AssertionError(generation, wish)


def with_link(bend: Callable[[UpstreamLink], UpstreamLink]) -> Defect:
    return Defect(change=lambda parts: replace(parts, connector=FaultyConnector(parts.connector, bend)))


def with_connector(kind: Callable[[Connector], Connector]) -> Defect:
    return Defect(change=lambda parts: replace(parts, connector=kind(parts.connector)))


def _without_window(parts: Dependencies) -> Dependencies:
    core = replace(parts.driver.core, error_window_seconds=0.0)
    return replace(parts, driver=replace(parts.driver, core=core))


unthrottled_errors = Defect(change=_without_window)


def with_render(render: Callable[[JsonClient, SendMessage | Forward], list[Frame]]) -> Defect:
    """A bridge whose door renders in this way."""

    class Odd(JsonClient):
        def render(self, command: SendMessage | Forward) -> list[Frame]:
            return render(self, command)

    class OddBridge(Bridge):
        def _face(self, link: WebSocketLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
            face = super()._face(link, request, native=native)
            face.__class__ = Odd
            return face

    return Defect(bridge=OddBridge)


class _Foreign(NativeClient):
    def render(self, command: SendMessage | Forward) -> list[Frame]:
        if isinstance(command, SendMessage) and command.message["type"] == "session_ready":
            return [Frame(msgspec.json.encode(dict(command.message)))]
        return super().render(command)


class _ForeignBridge(Bridge):
    def _face(self, link: WebSocketLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
        face = super()._face(link, request, native=native)
        if isinstance(face, NativeClient):
            face.__class__ = _Foreign
        return face


bridge_words_to_native = Defect(bridge=_ForeignBridge)


def _changed(**fields: Any) -> Callable[[JsonClient, SendMessage | Forward], list[Frame]]:
    def render(face: JsonClient, command: SendMessage | Forward) -> list[Frame]:
        if isinstance(command, SendMessage) and command.message["type"] in ("session_ready", "reconnected"):
            command = SendMessage({**command.message, **fields})
        return JsonClient.render(face, command)

    return render


def _silent_about_ends(face: JsonClient, command: SendMessage | Forward) -> list[Frame]:
    ends = isinstance(command, SendMessage) and "attempts" in (command.message.get("detail") or {})
    return [] if ends else JsonClient.render(face, command)


def _twice(face: JsonClient, command: SendMessage | Forward) -> list[Frame]:
    frames = JsonClient.render(face, command)
    return frames * 2 if isinstance(command, Forward) and command.type == "response.done" else frames


def _bare(face: JsonClient, command: SendMessage | Forward) -> list[Frame]:
    if isinstance(command, SendMessage) and command.message["type"] == "session_ready":
        command = SendMessage({name: value for name, value in command.message.items() if name != "sessionId"})
    return JsonClient.render(face, command)


old_generation = with_render(_changed(generation=0))
silent_about_ends = with_render(_silent_about_ends)
forwards_twice = with_render(_twice)
bare_messages = with_render(_bare)
