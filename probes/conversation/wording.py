"""How refusals are worded: the same refusal reads differently for a service, a bridge and a captured session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Any, Protocol

from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.url import parse_url
from probes.bridge.refusals import bridge_connection_failure, bridge_error_finding
from probes.bridge.refused_upgrade import refused_upgrade
from probes.problems.service import UPGRADE_NO_ANSWER
from probes.runner.findings import CheckRow, headline
from probes.runner.network_checks import proxy_evidence
from probes.runner.redaction import Secrets
from probes.targets.bridge import BridgeTarget, EndpointKind
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.refusals.lookup import Refusal
    from bridge.upstream.dial.errors import DialFailed
    from reports.model import Evidence, Finding


class Wording(Protocol):
    """Turns refusals into findings. A service and a bridge need other causes and fixes for the same failure."""

    async def unreachable(self, row: CheckRow, failed: DialFailed | HandshakeRefused) -> Finding:
        """Report that the connection or the upgrade failed."""
        ...

    def timed_out(self, row: CheckRow, seconds: float) -> Finding:
        """Report that no socket opened within this time."""
        ...

    def refused(self, row: CheckRow, refusal: Refusal, *evidence: Evidence) -> Finding:
        """Report that the service refused, before or during a session."""
        ...

    def bridge_error(self, row: CheckRow, message: Mapping[str, Any], *, ready: bool = False) -> Finding:
        """Report an `error` that came from or through a bridge; `ready`: whether the session was ready before."""
        ...


@dataclass(frozen=True, slots=True)
class BridgeWording:
    """Wording for a session through a bridge."""

    target: BridgeTarget

    async def unreachable(self, row: CheckRow, failed: DialFailed | HandshakeRefused) -> Finding:
        """Report that the bridge was unreachable or refused the upgrade."""
        if isinstance(failed, HandshakeRefused):
            return _under_probe(row, await refused_upgrade(_bridge_row(row), self.target, failed))
        return _under_probe(row, bridge_connection_failure(_bridge_row(row), self.target, failed))

    def timed_out(self, row: CheckRow, seconds: float) -> Finding:
        """Report that the bridge did not answer."""
        url = self.target.url  # empty for a session from a file
        fix = f"Find out which layer is silent: sherpa-probe bridge --url {quote(self.target.secrets.redact(url))}"
        return no_answer_finding(row, seconds, *proxy_evidence(self.target), fix=fix if url else "")

    def refused(self, row: CheckRow, refusal: Refusal, *evidence: Evidence) -> Finding:
        """Report that the service behind the bridge refused."""
        return row.refused(refusal, *evidence)

    def bridge_error(self, row: CheckRow, message: Mapping[str, Any], *, ready: bool = False) -> Finding:
        """Report an `error` that came from or through the bridge."""
        return _under_probe(row, bridge_error_finding(_bridge_row(row), self.target, message, ready=ready))


def no_answer_finding(row: CheckRow, seconds: float, *evidence: Evidence, fix: str) -> Finding:
    """Report that nothing answered. An ERROR, since it is unknown whether only the upgrade gets no response."""
    return row.problem(
        UPGRADE_NO_ANSWER,
        headline(f"no socket within {seconds:g} s"),
        *evidence,
        cause="The server hangs, a firewall drops the packets, or a proxy or gateway on the way accepts the request but"
        " doesn't handle 'Upgrade: websocket'.",
        fix=fix,
        severity=Severity.ERROR,
    )


def _bridge_row(row: CheckRow) -> CheckRow:
    """Return the row under the bridge probe's name: a bridge's error has one code, whichever probe received it."""
    return CheckRow("bridge", row.check)


def _under_probe(row: CheckRow, finding: Finding) -> Finding:
    return replace(finding, probe=row.probe)


def offline_wording(secrets: Secrets | None = None) -> Wording:
    """Return the wording for a session that was read from a file, so that neither service nor bridge is known."""
    placeholder = parse_url("ws://127.0.0.1/")
    target = BridgeTarget(
        url="",
        endpoint_kind=EndpointKind.CLIENT,
        token=None,
        timeout=0.0,
        secrets=secrets or Secrets(),
        endpoint=placeholder,
    )
    return BridgeWording(target)
