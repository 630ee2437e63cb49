"""Bridges with a bug: each wraps a part of the real bridge, and violates one invariant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.core.commands import EndResponse, Forward, SendMessage
from bridge.core.events import CreateSession, UpstreamEvent
from bridge.core.spending.caps import Caps
from bridge.driver.client import Frame
from bridge.server.app import Bridge
from bridge.server.clients.json_client import JsonClient
from bridge.server.clients.native_client import NativeClient
from bridge.simulation.runner import Defect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import ClientCommand
    from bridge.core.events import Event
    from bridge.driver.client import ClientHandler
    from bridge.server.dependencies import Dependencies
    from bridge.transport.http import HttpRequest
    from bridge.transport.push_link import PushLink
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.failures import UpstreamClosed
    from bridge.upstream.link import Connector, UpstreamLink, UpstreamReceiver


class FaultyLink:
    """An upstream session that passes everything through; subclasses change one thing."""

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

    @property
    def last_received_at(self) -> float:
        return self.link.last_received_at

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        return await self.link.run(receiver)

    def configure(self, options: Mapping[str, Any], updates: Mapping[str, Any]) -> bool:
        return self.link.configure(options, updates)

    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        self.sent += 1
        return self.link.send_audio(pcm, event_id)

    def send_event(self, event: Mapping[str, Any]) -> bool:
        return self.link.send_event(event)

    def send_frame(self, frame: bytes) -> bool:
        return self.link.send_frame(frame)

    def ping(self) -> None:
        self.link.ping()

    async def close(self, reason: str) -> None:
        await self.link.close(reason)


class LosesAudio(FaultyLink):
    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        self.sent += 1
        return not self.sent % 3 or self.link.send_audio(pcm, event_id)


class DuplicatesAudio(FaultyLink):
    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        sent = super().send_audio(pcm, event_id)
        return sent and (self.sent % 3 != 0 or self.link.send_audio(pcm, event_id))


class ReordersAudio(FaultyLink):
    held: bytes | None = None

    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        if self.held is None:
            self.held = pcm
            return True
        held, self.held = self.held, None
        return self.link.send_audio(pcm, event_id) and self.link.send_audio(held, event_id)


class TruncatesAudio(FaultyLink):
    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        return self.link.send_audio(pcm[:-100], event_id)


class SendsBeforeReady(FaultyLink):
    def configure(self, options: Mapping[str, Any], updates: Mapping[str, Any]) -> bool:
        return self.link.send_event({"type": "input_audio_buffer.clear"}) and self.link.configure(options, updates)


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
    """Forwards an event of an earlier session as one of its own."""

    last: UpstreamEvent | None = None
    begun = False

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        self._receiver = receiver
        return await self.link.run(self)

    def on_event(self, event: DecodedEvent) -> None:
        self._receiver.on_event(self._swapped(event) if isinstance(event, UpstreamEvent) else event)

    def on_frame(self, event_type: str, frame: bytes, _: float) -> None:
        self._receiver.on_event(self._swapped(UpstreamEvent(self.generation, event_type, frame)))

    def _swapped(self, happened: UpstreamEvent) -> UpstreamEvent:
        old, kind = ForwardsLateEvents.last, type(self)
        kind.last = happened
        if old is not None and old.generation < self.generation and not self.begun:
            self.begun = True
            return replace(old, generation=self.generation)
        return happened


class FaultyConnector:
    def __init__(self, connector: Connector, wrap: Callable[[UpstreamLink], UpstreamLink]) -> None:
        self._connector, self._wrap = connector, wrap

    async def open(self, generation: int, options: Mapping[str, Any]) -> UpstreamLink:
        return self._wrap(await self._connector.open(generation, options))


class RaisingConnector:
    def __init__(self, _: Connector) -> None:
        pass

    async def open(self, generation: int, options: Mapping[str, Any]) -> UpstreamLink:
        await trio.lowlevel.checkpoint()
        raise RuntimeError(f"a bug in generation {generation} with {len(options)} options")


class HangingConnector(RaisingConnector):
    async def open(self, generation: int, options: Mapping[str, Any]) -> UpstreamLink:
        await trio.sleep_forever()
        raise AssertionError(generation, options)


def with_link(wrap: Callable[[UpstreamLink], UpstreamLink]) -> Defect:
    return Defect(change=lambda deps: replace(deps, connector=FaultyConnector(deps.connector, wrap)))


def with_connector(kind: Callable[[Connector], Connector]) -> Defect:
    return Defect(change=lambda deps: replace(deps, connector=kind(deps.connector)))


def _without_window(deps: Dependencies) -> Dependencies:
    core = replace(deps.driver.core, error_window_seconds=0.0)
    return replace(deps, driver=replace(deps.driver, core=core))


unthrottled_errors = Defect(change=_without_window)


def with_render(render: Callable[[JsonClient, ClientCommand], list[Frame]]) -> Defect:
    """A bridge whose client endpoint renders commands in this way."""

    class DefectiveClient(JsonClient):
        def render(self, command: ClientCommand) -> list[Frame]:
            return render(self, command)

    class DefectiveBridge(Bridge):
        def _make_client(self, link: PushLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
            client = super()._make_client(link, request, native=native)
            client.__class__ = DefectiveClient
            return client

    return Defect(bridge=DefectiveBridge)


class _LeakyNativeClient(NativeClient):
    def render(self, command: ClientCommand) -> list[Frame]:
        if isinstance(command, SendMessage) and command.message["type"] == "session_ready":
            return [Frame(msgspec.json.encode(dict(command.message)))]
        return super().render(command)


class _LeakyBridge(Bridge):
    def _make_client(self, link: PushLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
        client = super()._make_client(link, request, native=native)
        if isinstance(client, NativeClient):
            client.__class__ = _LeakyNativeClient
        return client


bridge_words_to_native = Defect(bridge=_LeakyBridge)


class _NativeClientWithoutEnds(NativeClient):
    def render(self, command: ClientCommand) -> list[Frame]:
        return [] if isinstance(command, EndResponse) else super().render(command)


class _BridgeWithoutEnds(Bridge):
    def _make_client(self, link: PushLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
        client = super()._make_client(link, request, native=native)
        if isinstance(client, NativeClient):
            client.__class__ = _NativeClientWithoutEnds
        return client


lost_answers_never_end = Defect(bridge=_BridgeWithoutEnds)


class _Forgetful:
    """A handler that does not tell the core that the client is an SDK."""

    def __init__(self, handler: ClientHandler) -> None:
        self._handler = handler
        self.audio, self.resume_at, self.written = handler.audio, handler.resume_at, handler.written

    @property
    def held_bytes(self) -> int:
        return self._handler.held_bytes

    def handle(self, event: Event) -> None:
        self._handler.handle(replace(event, native=False) if isinstance(event, CreateSession) else event)


class _NativeClientWithoutMemory(NativeClient):
    async def run(self, handler: ClientHandler) -> None:
        await super().run(_Forgetful(handler))


class _BridgeWithoutMemory(Bridge):
    def _make_client(self, link: PushLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
        client = super()._make_client(link, request, native=native)
        if isinstance(client, NativeClient):
            client.__class__ = _NativeClientWithoutMemory
        return client


restored_items_are_announced_again = Defect(bridge=_BridgeWithoutMemory)


def _changed(**fields: Any) -> Callable[[JsonClient, ClientCommand], list[Frame]]:
    def render(client: JsonClient, command: ClientCommand) -> list[Frame]:
        if isinstance(command, SendMessage) and command.message["type"] in ("session_ready", "reconnected"):
            command = SendMessage({**command.message, **fields})
        return JsonClient.render(client, command)

    return render


def _silent_about_ends(client: JsonClient, command: ClientCommand) -> list[Frame]:
    ends = isinstance(command, SendMessage) and "attempts" in (command.message.get("detail") or {})
    return [] if ends else JsonClient.render(client, command)


def _twice(client: JsonClient, command: ClientCommand) -> list[Frame]:
    frames = JsonClient.render(client, command)
    return frames * 2 if isinstance(command, Forward) and command.type == "response.done" else frames


def _bare(client: JsonClient, command: ClientCommand) -> list[Frame]:
    if isinstance(command, SendMessage) and command.message["type"] == "session_ready":
        command = SendMessage({name: value for name, value in command.message.items() if name != "sessionId"})
    return JsonClient.render(client, command)


old_generation = with_render(_changed(generation=0))
silent_about_ends = with_render(_silent_about_ends)
forwards_twice = with_render(_twice)
bare_messages = with_render(_bare)


def _without_caps(dependencies: Dependencies) -> Dependencies:
    core = replace(dependencies.driver.core, caps=Caps())
    return replace(dependencies, driver=replace(dependencies.driver, core=core))


ignores_caps = Defect(change=_without_caps)
