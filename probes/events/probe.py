"""Does a session emit the right events in the right order? A script is played on the service itself, and judged.

What a session needs to exist is `access`'s matter; here a refusal is only named. Through a bridge: `events_bridge.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.refusals.lookup import HttpExchange, refusal_for_status
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import dial
from probes.access.advice import advise
from probes.access.context import AccessContext, error_object
from probes.conversation.run import ScriptRun, find_script, run_script
from probes.conversation.wording import no_answer_finding, offline_wording
from probes.voice.native_client import NativeVoiceClient

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from pathlib import Path

    from bridge.protocol.dialects.detection import SessionKind
    from bridge.protocol.refusals.lookup import Refusal
    from bridge.upstream.dial.dial import UpgradedConnection
    from bridge.upstream.dial.errors import DialFailed
    from probes.runner.findings import CheckRow, ProbeItem
    from probes.targets.service import ServiceTarget
    from reports.model import Evidence, Finding


async def events(
    target: ServiceTarget, *, script: str = "audio", capture: Path | None = None, show_content: bool = False
) -> AsyncGenerator[ProbeItem, None]:
    """Play a script and judge the events that come. Raises UsageError for an unknown script or a capture's bad place.

    Cancelling closes the session within a bounded time; a capture is then not written at all.
    """

    async def connect(kind: SessionKind) -> UpgradedConnection:
        upstream = target.upstream
        headers = upstream.socket_headers()
        return await dial(
            upstream.socket_url(target.model, kind), headers=headers, proxy=target.proxy, ssl_context=target.ssl_context
        )

    async for told in run_script(
        service_script_run(target, connect, script, capture=capture, show_content=show_content)
    ):
        yield told


def service_script_run(
    target: ServiceTarget,
    connect: Callable[[SessionKind], Awaitable[UpgradedConnection]],
    script: str,
    *,
    capture: Path | None = None,
    show_content: bool = False,
    speed: float = 1.0,
) -> ScriptRun:
    """Put together what is to be played on a service; `connect` opens the socket."""
    speaker = NativeVoiceClient(connect, target.dialect)
    return ScriptRun(
        client=speaker,
        script=find_script(script),
        dialect=target.dialect,
        via="service",
        timeout=target.timeout,
        secrets=target.secrets,
        wording=ServiceWording(target, speaker),
        on_progress=target.on_progress,
        capture_path=capture,
        show_content=show_content,
        speed=speed,
    )


@dataclass(frozen=True, slots=True)
class ServiceWording:
    """Words for what a service says: with its headers, and with advice that knows the settings."""

    target: ServiceTarget
    client: NativeVoiceClient

    def unreachable(self, row: CheckRow, failed: DialFailed | HandshakeRefused) -> Finding:
        """There was no way, or another answer than 101."""
        visit = AccessContext(self.target)
        if not isinstance(failed, HandshakeRefused):
            return visit.connection_failure(row, failed, *visit.header_evidence())
        where = HttpExchange.AZURE_HANDSHAKE if self.target.upstream.azure else HttpExchange.HANDSHAKE
        refusal = refusal_for_status(where, failed.status, failed.body)
        told = visit.response_evidence("", f"HTTP {failed.status}", _error_in(failed.body), failed.body)
        others = (*visit.diagnostic_headers(failed.headers), *visit.proxy_evidence(), *visit.header_evidence())
        return row.refused(refusal, *told, *others, fix=advise(refusal, visit.clues(failed.headers)))

    def timed_out(self, row: CheckRow, seconds: float) -> Finding:
        """Nothing answers."""
        return no_answer_finding(
            row,
            seconds,
            *AccessContext(self.target).proxy_evidence(),
            fix="See which layer is silent: sherpa-probe access",
        )

    def refused(self, row: CheckRow, refusal: Refusal, *evidence: Evidence) -> Finding:
        """The service said no."""
        visit, headers = AccessContext(self.target), self.client.headers
        others = (*visit.diagnostic_headers(headers), *visit.proxy_evidence(), *visit.header_evidence())
        return row.refused(refusal, *evidence, *others, fix=self._fix(refusal, advise(refusal, visit.clues(headers))))

    def bridge_error(self, row: CheckRow, message: Mapping[str, Any]) -> Finding:
        """What was taken for a service is a bridge."""
        return offline_wording(self.target.secrets).bridge_error(row, message)

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
        return error_object(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
