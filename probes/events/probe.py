"""The probe `events`: does a session emit the right events in the right order? Plays a script against the service.

`access` explains why a session can't be opened; this probe only names the refusal. `bridge.py` plays the scripts
through a bridge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.dialects.detection import Dialect
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import dial
from probes.access.advice import advise
from probes.access.context import AccessContext
from probes.access.upgrade import explain_refusal, upgrade_refusal
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
    """Play a script and judge the events of the session. `capture` is a file to record all frames in.

    Raises UsageError for an unknown script, or a capture file that can't be written. Cancelling closes the session in a
    few seconds; the capture is then not written.
    """

    async def connect(kind: SessionKind) -> UpgradedConnection:
        upstream = target.upstream
        headers = upstream.socket_headers()
        return await dial(
            upstream.socket_url(target.model, kind), headers=headers, proxy=target.proxy, ssl_context=target.ssl_context
        )

    async for item in run_script(
        service_script_run(target, connect, script, capture=capture, show_content=show_content)
    ):
        yield item


def service_script_run(
    target: ServiceTarget,
    connect: Callable[[SessionKind], Awaitable[UpgradedConnection]],
    script: str,
    *,
    capture: Path | None = None,
    show_content: bool = False,
    speed: float = 1.0,
) -> ScriptRun:
    """Return the run of a script against a service. `connect` opens the WebSocket for a kind of session."""
    client, played = NativeVoiceClient(connect, target.dialect), find_script(script)
    return ScriptRun(
        client=client,
        script=played,
        dialect=target.dialect,
        via="service",
        timeout=target.timeout,
        secrets=target.secrets,
        wording=ServiceWording(target, client),
        on_progress=target.on_progress,
        capture_path=capture,
        show_content=show_content,
        speed=speed,
        connect_again=lambda: connect(played.options.kind),
    )


@dataclass(frozen=True, slots=True)
class ServiceWording:
    """Findings for what a service says: with its headers as evidence, and with fixes that name the settings."""

    target: ServiceTarget
    client: NativeVoiceClient

    async def unreachable(self, row: CheckRow, failed: DialFailed | HandshakeRefused) -> Finding:
        """Report a failed connection or a refused upgrade, for which it asks the service a little more."""
        context = AccessContext(self.target)
        if not isinstance(failed, HandshakeRefused):
            return context.connection_failure(row, failed, *context.header_evidence())
        finding = upgrade_refusal(row, context, failed)
        with trio.move_on_after(self.target.timeout):
            finding = await explain_refusal(row, context, failed)
        await context.aclose()
        return finding

    def timed_out(self, row: CheckRow, seconds: float) -> Finding:
        """Report that the service didn't respond in `seconds`."""
        return no_answer_finding(
            row,
            seconds,
            *AccessContext(self.target).proxy_evidence(),
            fix="To find out which layer doesn't respond: sherpa-probe access",
        )

    def refused(self, row: CheckRow, refusal: Refusal, *evidence: Evidence) -> Finding:
        """Report a refusal of the session."""
        context, headers = AccessContext(self.target), self.client.headers
        others = (*context.diagnostic_headers(headers), *context.proxy_evidence(), *context.header_evidence())
        return row.refused(refusal, *evidence, *others, fix=self._fix(refusal, advise(refusal, context.clues(headers))))

    def bridge_error(self, row: CheckRow, message: Mapping[str, Any], *, ready: bool = False) -> Finding:
        """Report an error message of a bridge, for a URL that isn't a service's."""
        return offline_wording(self.target.secrets).bridge_error(row, message, ready=ready)

    def _fix(self, refusal: Refusal, fix: str) -> str:
        if refusal.slug != "BETA-DISABLED":
            return fix
        headers = self.target.config.headers
        beta_headers = [name for name, _ in headers.value if name.lower() == "openai-beta"]
        if beta_headers:
            return f"Remove {beta_headers[0]} from {headers.source}"
        return "sherpa-probe events --dialect ga" if self.target.dialect is Dialect.BETA else fix
