"""Who words what was refused: the same refusal reads differently of a service, of a bridge, of a kept session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Any, Protocol

from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.url import parse_url
from probes.bridge.refusals import bridge_connection_failure, bridge_error_finding, upgrade_refused
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
    """Makes findings of refusals."""

    def unreachable(self, row: CheckRow, failed: DialFailed | HandshakeRefused) -> Finding:
        """There was no way, or no upgrade."""
        ...

    def timed_out(self, row: CheckRow, seconds: float) -> Finding:
        """No socket within this time."""
        ...

    def refused(self, row: CheckRow, refusal: Refusal, *evidence: Evidence) -> Finding:
        """The service said no, in a session or where one should have been."""
        ...

    def bridge_error(self, row: CheckRow, message: Mapping[str, Any]) -> Finding:
        """A bridge said `error`, in its own words."""
        ...


@dataclass(frozen=True, slots=True)
class BridgeWording:
    """Of a session through a bridge."""

    target: BridgeTarget

    def unreachable(self, row: CheckRow, failed: DialFailed | HandshakeRefused) -> Finding:
        """There was no way to the bridge, or it did not let us in."""
        if isinstance(failed, HandshakeRefused):
            return _by(row, upgrade_refused(_bridges(row), self.target, failed))
        return _by(row, bridge_connection_failure(_bridges(row), self.target, failed))

    def timed_out(self, row: CheckRow, seconds: float) -> Finding:
        """The bridge does not answer."""
        known = self.target.url  # a session from a file has none
        fix = f"See which layer is silent: sherpa-probe bridge --url {quote(self.target.secrets.redact(known))}"
        return no_answer_finding(row, seconds, *proxy_evidence(self.target), fix=fix if known else "")

    def refused(self, row: CheckRow, refusal: Refusal, *evidence: Evidence) -> Finding:
        """The service behind the bridge said no."""
        return row.refused(refusal, *evidence)

    def bridge_error(self, row: CheckRow, message: Mapping[str, Any]) -> Finding:
        """The bridge said no."""
        return _by(row, bridge_error_finding(_bridges(row), self.target, message))


def no_answer_finding(row: CheckRow, seconds: float, *evidence: Evidence, fix: str) -> Finding:
    """There was no answer at all, so nothing was judged: whether only the upgrade is met by silence is not known."""
    return row.problem(
        UPGRADE_NO_ANSWER,
        headline(f"no socket within {seconds:g} s"),
        *evidence,
        cause="What listens there hangs, a firewall drops the packets, or a proxy or gateway in between takes the"
        " request and does not know what to do with 'Upgrade: websocket'.",
        fix=fix,
        severity=Severity.ERROR,
    )


def _bridges(row: CheckRow) -> CheckRow:
    """Give the row under the bridge's name: what a bridge says has one code, whoever met it."""
    return CheckRow("bridge", row.check)


def _by(row: CheckRow, finding: Finding) -> Finding:
    return replace(finding, probe=row.probe)


def offline_wording(secrets: Secrets | None = None) -> Wording:
    """Give the words for a session of which nothing is known but itself: it is read from a file."""
    nobody = parse_url("ws://127.0.0.1/")
    target = BridgeTarget(
        url="",
        endpoint_kind=EndpointKind.CLIENT,
        token=None,
        timeout=0.0,
        secrets=secrets or Secrets(),
        endpoint=nobody,
    )
    return BridgeWording(target)
