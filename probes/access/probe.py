"""Can this key open a session here? Layer by layer, from the name lookup to a confirmed configuration.

Each layer needs the one before it: what stands behind a failed one is skipped. A healthy visit costs one TCP and TLS
handshake for REST, one for the socket, and the round trips of five messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.access.context import Visit
from probes.access.model import check_model, model_late
from probes.access.network import connect, connect_late, look_up_name, name_late
from probes.access.rest import check_key, key_late, mint_late, mint_secret
from probes.access.session import await_session, confirm, confirm_late, session_late
from probes.access.upgrade import open_socket, upgrade_late
from probes.problems.tool import BASE_URL_READ
from probes.runner.checks import Check, run_checks
from probes.runner.findings import Row
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from probes.targets.service import Target

#: The layers, in order. Each needs the one before it.
LAYERS: tuple[Check[Visit], ...] = (
    Check(name="name", look=look_up_name, late=name_late, without="no address"),
    Check(name="tcp, tls", look=connect, late=connect_late, without="no connection", needs=("name",)),
    Check(name="key", look=check_key, late=key_late, without="no accepted key", needs=("tcp, tls",)),
    Check(name="model", look=check_model, late=model_late, without="no usable model", needs=("key",), timed=False),
    Check(name="mint", look=mint_secret, late=mint_late, without="no client secret", needs=("model",)),
    Check(name="upgrade", look=open_socket, late=upgrade_late, without="no upgrade", needs=("mint",)),
    Check(name="session", look=await_session, late=session_late, without="no session", needs=("upgrade",)),
    Check(name="confirm", look=confirm, late=confirm_late, without="no configuration", needs=("session",)),
)


async def access(target: Target, *, every_form: bool = False) -> AsyncGenerator[Finding, None]:
    """Look at all layers; with `every_form` also at every form of auth and address. Holds nothing open at its end."""
    for note in target.notes:
        yield Row("access", "base URL").noted(BASE_URL_READ.slug, f"{note}: {target.upstream.base_url}")
    visit = Visit(target)
    reached = False
    try:
        async for finding in run_checks("access", LAYERS, visit, timeout=target.timeout, doing=target.doing):
            reached = reached or (finding.check == "tcp, tls" and finding.severity in (Severity.PASS, Severity.WARNING))
            yield finding
        if every_form and reached:
            from probes.access.auth_forms import try_forms  # noqa: PLC0415 - only when asked for

            async for finding in try_forms(visit):
                yield finding
        if target.scenario:
            from probes.targets.simulator import remarks  # noqa: PLC0415 - only where there is a simulator

            for finding in remarks(target.scenario):
                yield finding
    finally:
        await visit.aclose()
