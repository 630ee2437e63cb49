"""Judges an upgrade that a bridge, or a proxy in front of it, answers with another status than 101.

Sends the request once more without `Upgrade`: a proxy that strips it looks like a bridge at another path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import trio

from bridge.upstream.dial.tls import shared_tls_context, unused_tls_context
from probes.bridge.refusals import upgrade_refused
from probes.problems import bridge
from probes.problems.network import UPGRADE_STRIPPED
from probes.runner.network_checks import proxy_evidence
from probes.runner.stripped_upgrade import (
    ask_without_upgrade,
    same_answer_evidence,
    stripped_because,
    stripped_finding,
)

if TYPE_CHECKING:
    from bridge.transport.link import HandshakeRefused
    from probes.runner.findings import CheckRow
    from probes.runner.stripped_upgrade import PlainAnswer
    from probes.targets.bridge import BridgeTarget
    from reports.model import Finding


async def refused_upgrade(row: CheckRow, target: BridgeTarget, refused: HandshakeRefused) -> Finding:
    """Return the finding for a refused upgrade. Takes at most one timeout."""
    plain: PlainAnswer | None = None
    with trio.move_on_after(target.timeout):
        async with http_client(target) as client:
            plain = await ask_without_upgrade(client, target.url, target.headers())
    finding = upgrade_refused(row, target, refused)
    if why := stripped_because(refused, plain):
        return stripped_finding(row, why, *finding.evidence[1:], *proxy_evidence(target))
    same = same_answer_evidence(refused, plain)
    finding = replace(finding, evidence=(*finding.evidence, *same))
    if same and finding.code == row.code(bridge.NOT_FOUND.slug):
        # A bridge in Express or FastAPI answers 404 to an ordinary GET, whether its path is right or not.
        return replace(
            finding,
            title=f"{finding.title}, or a proxy strips the WebSocket upgrade",
            fix=f"{finding.fix}\nIf the path is right, make the proxy forward the upgrade. {UPGRADE_STRIPPED.fix}",
        )
    return finding


def http_client(target: BridgeTarget) -> httpx.AsyncClient:
    """Make a client for ordinary requests to the bridge's host. It adds no token, because orchestrators have none."""
    proxy = None
    if target.proxy is not None:
        login = target.proxy.authorization
        headers = {"Proxy-Authorization": login.reveal()} if login else {}
        proxy = httpx.Proxy(f"http://{target.proxy.address}", headers=headers)
    return httpx.AsyncClient(
        verify=target.ssl_context or (shared_tls_context() if target.endpoint.secure else unused_tls_context()),
        proxy=proxy,
        transport=target.transport,
        trust_env=False,
        timeout=None,  # noqa: S113 - the check bounds it
    )
