"""Bridges with a mistake in them: each wraps the real thing at a seam, and breaks one promise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.core.commands import Forward, Tell
from bridge.core.events import UpstreamEvent
from bridge.driver.client import Frame
from bridge.server.app import Bridge, Parts
from bridge.server.clients.json_client import SherpaFace
from bridge.server.clients.native_client import NativeFace
from bridge.simulation.runner import Defect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.transport.http import Request
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.connector import Connector, UpstreamLink
    from bridge.upstream.event_decoder import Happened


class Bent:
    """An upstream session as it is; its children bend one thing."""

    def __init__(self, link: UpstreamLink) -> None:
        self.link = link
        self.generation = link.generation
        self.sent = 0

    @property
    def pings_outstanding(self) -> int:
        return self.link.pings_outstanding

    @property
    def taken_bytes(self) -> int:
        return self.link.taken_bytes

    async def receive(self) -> Happened:
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


class Loses(Bent):
    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        self.sent += 1
        if self.sent % 3:
            await self.link.send_audio(pcm, event_id)


class Doubles(Bent):
    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        await super().send_audio(pcm, event_id)
        if self.sent % 3 == 0:
            await self.link.send_audio(pcm, event_id)


class Swaps(Bent):
    kept: bytes | None = None

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        if self.kept is None:
            self.kept = pcm
            return
        kept, self.kept = self.kept, None
        await self.link.send_audio(pcm, event_id)
        await self.link.send_audio(kept, event_id)


class Cuts(Bent):
    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        await self.link.send_audio(pcm[:-100], event_id)


class Hurries(Bent):
    async def configure(self, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        await self.link.send_event({"type": "input_audio_buffer.clear"})
        await self.link.configure(wish, updates)


class Keeps(Bent):
    async def close(self, reason: str) -> None:
        self.why = reason
        await trio.lowlevel.checkpoint()


class Lingers(Bent):
    async def close(self, reason: str) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
        await self.link.close(reason)


class Haunted(Bent):
    """Passes an event of an earlier session on as one of its own."""

    last: UpstreamEvent | None = None
    begun = False

    async def receive(self) -> Happened:
        happened = await self.link.receive()
        old, kind = Haunted.last, type(self)
        if isinstance(happened, UpstreamEvent):
            kind.last = happened
            if old is not None and old.generation < self.generation and not self.begun:
                self.begun = True
                return replace(old, generation=self.generation)
        return happened


class BentConnector:
    def __init__(self, connector: Connector, bend: Callable[[UpstreamLink], UpstreamLink]) -> None:
        self._connector, self._bend = connector, bend

    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        return self._bend(await self._connector.open(generation, wish))


class Fails:
    def __init__(self, _: Connector) -> None:
        pass

    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        await trio.lowlevel.checkpoint()
        raise RuntimeError(f"a mistake in generation {generation} with {len(wish)} wishes")


class Hangs(Fails):
    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        await trio.sleep_forever()
        raise AssertionError(generation, wish)


def bent(bend: Callable[[UpstreamLink], UpstreamLink]) -> Defect:
    return Defect(change=lambda parts: replace(parts, connector=BentConnector(parts.connector, bend)))


def connector(kind: Callable[[Connector], Connector]) -> Defect:
    return Defect(change=lambda parts: replace(parts, connector=kind(parts.connector)))


def _without_window(parts: Parts) -> Parts:
    core = replace(parts.driver.core, window_seconds=0.0)
    return replace(parts, driver=replace(parts.driver, core=core))


floods = Defect(change=_without_window)


def faced(render: Callable[[SherpaFace, Tell | Forward], list[Frame]]) -> Defect:
    """A bridge whose door renders in this way."""

    class Odd(SherpaFace):
        def render(self, command: Tell | Forward) -> list[Frame]:
            return render(self, command)

    class OddBridge(Bridge):
        def _face(self, link: WebSocketLink, request: Request, *, native: bool) -> SherpaFace | NativeFace:
            face = super()._face(link, request, native=native)
            face.__class__ = Odd
            return face

    return Defect(bridge=OddBridge)


class _Foreign(NativeFace):
    def render(self, command: Tell | Forward) -> list[Frame]:
        if isinstance(command, Tell) and command.message["type"] == "session_ready":
            return [Frame(msgspec.json.encode(dict(command.message)))]
        return super().render(command)


class _ForeignBridge(Bridge):
    def _face(self, link: WebSocketLink, request: Request, *, native: bool) -> SherpaFace | NativeFace:
        face = super()._face(link, request, native=native)
        if isinstance(face, NativeFace):
            face.__class__ = _Foreign
        return face


foreign_words = Defect(bridge=_ForeignBridge)


def _changed(**fields: Any) -> Callable[[SherpaFace, Tell | Forward], list[Frame]]:
    def render(face: SherpaFace, command: Tell | Forward) -> list[Frame]:
        if isinstance(command, Tell) and command.message["type"] in ("session_ready", "reconnected"):
            command = Tell({**command.message, **fields})
        return SherpaFace.render(face, command)

    return render


def _silent_about_ends(face: SherpaFace, command: Tell | Forward) -> list[Frame]:
    ends = isinstance(command, Tell) and "attempts" in (command.message.get("detail") or {})
    return [] if ends else SherpaFace.render(face, command)


def _twice(face: SherpaFace, command: Tell | Forward) -> list[Frame]:
    frames = SherpaFace.render(face, command)
    return frames * 2 if isinstance(command, Forward) and command.type == "response.done" else frames


def _bare(face: SherpaFace, command: Tell | Forward) -> list[Frame]:
    if isinstance(command, Tell) and command.message["type"] == "session_ready":
        command = Tell({name: value for name, value in command.message.items() if name != "sessionId"})
    return SherpaFace.render(face, command)


old_generation = faced(_changed(generation=0))
silent_about_ends = faced(_silent_about_ends)
forwards_twice = faced(_twice)
bare_messages = faced(_bare)
