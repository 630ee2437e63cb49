"""Does a session emit the right events in the right order? A script is played on the service itself, and judged.

What a session needs to exist is `access`'s matter; here a refusal is only named. Through a bridge: `events_bridge.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.refusals.lookup import Where, refusal_for_status
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import dial
from probes.access.advice import advice
from probes.access.context import Visit, inner_error
from probes.conversation.run import Talk, converse, script_named
from probes.conversation.wording import never_answered, plain_words
from probes.voice.native_client import NativeSpeaker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from pathlib import Path

    from bridge.protocol.dialects.detection import Kind
    from bridge.protocol.refusals.lookup import Refusal
    from bridge.upstream.dial.dial import Upgraded
    from bridge.upstream.dial.errors import DialFailed
    from probes.runner.findings import Row
    from probes.runner.registry import Told
    from probes.targets.service import Target
    from reports.model import Evidence, Finding


async def events(
    target: Target, *, script: str = "audio", capture: Path | None = None, show_content: bool = False
) -> AsyncGenerator[Told, None]:
    """Play a script and judge the events that come. Raises UsageError for an unknown script or a capture's bad place.

    Cancelling closes the session within a bounded time; a capture is then not written at all.
    """

    async def connect(kind: Kind) -> Upgraded:
        upstream = target.upstream
        headers = upstream.socket_headers()
        return await dial(
            upstream.socket_url(target.model, kind), headers=headers, proxy=target.proxy, ssl_context=target.ssl_context
        )

    async for told in converse(talk_with(target, connect, script, capture=capture, show_content=show_content)):
        yield told


def talk_with(
    target: Target,
    connect: Callable[[Kind], Awaitable[Upgraded]],
    script: str,
    *,
    capture: Path | None = None,
    show_content: bool = False,
    pace: float = 1.0,
) -> Talk:
    """Put together what is to be played on a service; `connect` opens the socket."""
    speaker = NativeSpeaker(connect, target.dialect)
    return Talk(
        speaker=speaker,
        script=script_named(script),
        dialect=target.dialect,
        via="service",
        timeout=target.timeout,
        secrets=target.secrets,
        words=ServiceWords(target, speaker),
        doing=target.doing,
        capture=capture,
        show_content=show_content,
        pace=pace,
    )


@dataclass(frozen=True, slots=True)
class ServiceWords:
    """Words for what a service says: with its headers, and with advice that knows the settings."""

    target: Target
    speaker: NativeSpeaker

    def unreachable(self, row: Row, failed: DialFailed | HandshakeRefused) -> Finding:
        """There was no way, or another answer than 101."""
        visit = Visit(self.target)
        if not isinstance(failed, HandshakeRefused):
            return visit.trouble(row, failed, *visit.header_evidence())
        where = Where.AZURE_HANDSHAKE if self.target.upstream.azure else Where.HANDSHAKE
        refusal = refusal_for_status(where, failed.status, failed.body)
        told = visit.answered("", f"HTTP {failed.status}", _error_in(failed.body), failed.body)
        others = (*visit.telling(failed.headers), *visit.proxy_evidence(), *visit.header_evidence())
        return row.refused(refusal, *told, *others, fix=advice(refusal, visit.clues(failed.headers)))

    def late(self, row: Row, seconds: float) -> Finding:
        """Nothing answers."""
        return never_answered(
            row, seconds, *Visit(self.target).proxy_evidence(), fix="See which layer is silent: sherpa-probe access"
        )

    def refused(self, row: Row, refusal: Refusal, *evidence: Evidence) -> Finding:
        """The service said no."""
        visit, headers = Visit(self.target), self.speaker.headers
        others = (*visit.telling(headers), *visit.proxy_evidence(), *visit.header_evidence())
        return row.refused(refusal, *evidence, *others, fix=self._fix(refusal, advice(refusal, visit.clues(headers))))

    def bridge_said(self, row: Row, message: Mapping[str, Any]) -> Finding:
        """What was taken for a service is a bridge."""
        return plain_words(self.target.secrets).bridge_said(row, message)

    def _fix(self, refusal: Refusal, fix: str) -> str:
        if refusal.slug != "BETA-DISABLED":
            return fix
        headers = self.target.config.headers
        asking = [name for name, _ in headers.value if name.lower() == "openai-beta"]
        if asking:
            return f"Remove {asking[0]} from {headers.source}"
        return "sherpa-probe events --dialect ga" if self.target.dialect is Dialect.BETA else fix


def _error_in(body: bytes) -> Mapping[str, Any]:
    try:
        return inner_error(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
