"""Who words what was refused: the same refusal reads differently of a service, of a bridge, of a kept session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Any, Protocol

from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.url import parse_url
from probes.bridge.refusals import error_told, no_way, proxy_evidence, upgrade_refused
from probes.problems.service import UPGRADE_NO_ANSWER
from probes.runner.findings import Row, seen
from probes.runner.redaction import Secrets
from probes.targets.bridge import BridgeTarget, Door
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.refusals.lookup import Refusal
    from bridge.upstream.dial.errors import DialFailed
    from reports.model import Evidence, Finding


class Words(Protocol):
    """Makes findings of refusals."""

    def unreachable(self, row: Row, failed: DialFailed | HandshakeRefused) -> Finding:
        """There was no way, or no upgrade."""
        ...

    def late(self, row: Row, seconds: float) -> Finding:
        """No socket within this time."""
        ...

    def refused(self, row: Row, refusal: Refusal, *evidence: Evidence) -> Finding:
        """The service said no, in a session or where one should have been."""
        ...

    def bridge_said(self, row: Row, message: Mapping[str, Any]) -> Finding:
        """A bridge said `error`, in its own words."""
        ...


@dataclass(frozen=True, slots=True)
class BridgeWords:
    """Of a session through a bridge."""

    target: BridgeTarget

    def unreachable(self, row: Row, failed: DialFailed | HandshakeRefused) -> Finding:
        """There was no way to the bridge, or it did not let us in."""
        if isinstance(failed, HandshakeRefused):
            return _by(row, upgrade_refused(_bridges(row), self.target, failed))
        return _by(row, no_way(_bridges(row), self.target, failed))

    def late(self, row: Row, seconds: float) -> Finding:
        """The bridge does not answer."""
        known = self.target.url  # a session from a file has none
        fix = f"See which layer is silent: sherpa-probe bridge --url {quote(self.target.secrets.hide(known))}"
        return never_answered(row, seconds, *proxy_evidence(self.target), fix=fix if known else "")

    def refused(self, row: Row, refusal: Refusal, *evidence: Evidence) -> Finding:
        """The service behind the bridge said no."""
        return row.refused(refusal, *evidence)

    def bridge_said(self, row: Row, message: Mapping[str, Any]) -> Finding:
        """The bridge said no."""
        return _by(row, error_told(_bridges(row), self.target, message))


def never_answered(row: Row, seconds: float, *evidence: Evidence, fix: str) -> Finding:
    """There was no answer at all, so nothing was judged: whether only the upgrade is met by silence is not known."""
    return row.problem(
        UPGRADE_NO_ANSWER,
        seen("", f"no socket within {seconds:g} s"),
        *evidence,
        cause="What listens there hangs, a firewall drops the packets, or a proxy or gateway in between takes the"
        " request and does not know what to do with 'Upgrade: websocket'.",
        fix=fix,
        severity=Severity.ERROR,
    )


def _bridges(row: Row) -> Row:
    """Give the row under the bridge's name: what a bridge says has one code, whoever met it."""
    return Row("bridge", row.check)


def _by(row: Row, finding: Finding) -> Finding:
    return replace(finding, probe=row.probe)


def plain_words(secrets: Secrets | None = None) -> Words:
    """Give the words for a session of which nothing is known but itself: it is read from a file."""
    nobody = parse_url("ws://127.0.0.1/")
    target = BridgeTarget(
        url="", door=Door.CLIENT, token=None, timeout=0.0, secrets=secrets or Secrets(), endpoint=nobody
    )
    return BridgeWords(target)
