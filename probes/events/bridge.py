"""The scripts of `events` through a bridge: by the client protocol, or with native events at its native door."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.protocol.dialects.detection import Dialect, Kind
from bridge.upstream.dial.url import parse_url
from probes.conversation.run import Talk, converse, script_named
from probes.conversation.wording import BridgeWords
from probes.targets.bridge import Door
from probes.voice.bridge_client import SpeakingClient
from probes.voice.native_client import NativeSpeaker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bridge.upstream.dial.dial import Upgraded
    from probes.runner.registry import Told
    from probes.targets.bridge import BridgeTarget
    from probes.voice.voice_client import Speaker


async def events_bridge(
    target: BridgeTarget, *, script: str = "audio", capture: Path | None = None, show_content: bool = False
) -> AsyncGenerator[Told, None]:
    """Play a script through a bridge and judge what comes back. Raises UsageError as `events` does.

    Cancelling closes the session within a bounded time; a capture is then not written at all.
    """
    async for told in converse(talk_through(target, script, capture=capture, show_content=show_content)):
        yield told


def talk_through(
    target: BridgeTarget,
    script: str,
    *,
    capture: Path | None = None,
    show_content: bool = False,
    pace: float = 1.0,
) -> Talk:
    """Put together what is to be played through a bridge."""
    return Talk(
        speaker=_speaker(target),
        script=script_named(script),
        dialect=Dialect.GA,
        via=str(target.door),
        timeout=target.timeout,
        secrets=target.secrets,
        words=BridgeWords(target),
        doing=target.doing,
        capture=capture,
        show_content=show_content,
        pace=pace,
    )


def _speaker(target: BridgeTarget) -> Speaker:
    if target.door is Door.CLIENT:
        return SpeakingClient(target)

    async def connect(kind: Kind) -> Upgraded:
        return await (_transcribing(target) if kind is Kind.TRANSCRIPTION else target).dial()

    return NativeSpeaker(connect)


def _transcribing(target: BridgeTarget) -> BridgeTarget:
    """Give the address of the same door that opens transcription sessions: an intent, and no model beside it."""
    parts = urlsplit(target.url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("model", "intent")]
    url = parts._replace(query=urlencode([*query, ("intent", "transcription")])).geturl()
    return replace(target, url=url, endpoint=parse_url(url))
