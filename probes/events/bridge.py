"""Plays the scripts of `events` through a bridge, at its client endpoint or its native endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.upstream.dial.url import parse_url
from probes.conversation.run import ScriptRun, find_script, run_script
from probes.conversation.wording import BridgeWording
from probes.targets.bridge import EndpointKind
from probes.voice.bridge_client import BridgeVoiceClient
from probes.voice.native_client import NativeVoiceClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.runner.findings import ProbeItem
    from probes.targets.bridge import BridgeTarget
    from probes.voice.voice_client import VoiceClient


async def events_bridge(
    target: BridgeTarget, *, script: str = "audio", capture: Path | None = None, show_content: bool = False
) -> AsyncGenerator[ProbeItem, None]:
    """Play a script through a bridge and judge the events that it passes on.

    Raises UsageError for an unknown script, or a capture file that can't be written. Cancelling closes the session in a
    few seconds; the capture is then not written.
    """
    async for item in run_script(bridge_script_run(target, script, capture=capture, show_content=show_content)):
        yield item


def bridge_script_run(
    target: BridgeTarget,
    script: str,
    *,
    capture: Path | None = None,
    show_content: bool = False,
    speed: float = 1.0,
) -> ScriptRun:
    """Return the run of a script through a bridge."""
    return ScriptRun(
        client=_voice_client(target),
        script=find_script(script),
        dialect=Dialect.GA,
        via=str(target.endpoint_kind),
        timeout=target.timeout,
        secrets=target.secrets,
        wording=BridgeWording(target),
        on_progress=target.on_progress,
        capture_path=capture,
        show_content=show_content,
        speed=speed,
        connect_again=target.dial,
    )


def _voice_client(target: BridgeTarget) -> VoiceClient:
    if target.endpoint_kind is EndpointKind.CLIENT:
        return BridgeVoiceClient(target)

    async def connect(kind: SessionKind) -> UpgradedConnection:
        return await (_transcription_target(target) if kind is SessionKind.TRANSCRIPTION else target).dial()

    return NativeVoiceClient(connect)


def _transcription_target(target: BridgeTarget) -> BridgeTarget:
    """Return the same endpoint with the query that opens a transcription session: an intent, and no model."""
    parts = urlsplit(target.url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("model", "intent")]
    url = parts._replace(query=urlencode([*query, ("intent", "transcription")])).geturl()
    return replace(target, url=url, endpoint=parse_url(url))
