"""The probe `access`: can this key open a session? Checks every layer, from the name lookup to the configuration.

Each layer needs the one before it; when one fails, the rest are skipped. On a healthy service a run costs one TCP and
TLS handshake for REST, one for the socket, and five round trips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.access.context import AccessContext
from probes.access.model import check_model, model_timed_out
from probes.access.network import connect, connect_timed_out, name_timed_out, resolve_name
from probes.access.rest import check_key, key_timed_out, mint_secret, mint_timed_out
from probes.access.session import await_session, confirm_config, confirm_timed_out, session_timed_out
from probes.access.upgrade import open_websocket, upgrade_timed_out
from probes.problems.tool import BASE_URL_READ
from probes.runner.checks import Check, run_checks
from probes.runner.findings import CheckRow
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from probes.targets.service import ServiceTarget

#: The layers, in order. Each needs the one before it.
LAYERS: tuple[Check[AccessContext], ...] = (
    Check(name="name", run=resolve_name, on_timeout=name_timed_out, skip_reason="no address"),
    Check(name="tcp, tls", run=connect, on_timeout=connect_timed_out, skip_reason="no connection", needs=("name",)),
    Check(name="key", run=check_key, on_timeout=key_timed_out, skip_reason="no accepted key", needs=("tcp, tls",)),
    Check(
        name="model",
        run=check_model,
        on_timeout=model_timed_out,
        skip_reason="no usable model",
        needs=("key",),
        timed=False,
    ),
    Check(name="mint", run=mint_secret, on_timeout=mint_timed_out, skip_reason="no client secret", needs=("model",)),
    Check(name="upgrade", run=open_websocket, on_timeout=upgrade_timed_out, skip_reason="no upgrade", needs=("mint",)),
    Check(
        name="session", run=await_session, on_timeout=session_timed_out, skip_reason="no session", needs=("upgrade",)
    ),
    Check(
        name="confirm",
        run=confirm_config,
        on_timeout=confirm_timed_out,
        skip_reason="no configuration",
        needs=("session",),
    ),
)


async def access(target: ServiceTarget, *, all_auth_forms: bool = False) -> AsyncGenerator[Finding, None]:
    """Check all layers in order and yield a finding for each.

    With `all_auth_forms`, then also try every form of authentication and URL. Closes every connection at its end,
    also when it is cancelled.
    """
    for note in target.url_notes:
        yield CheckRow("access", "base URL").noted(BASE_URL_READ.slug, f"{note}: {target.upstream.base_url}")
    context = AccessContext(target)
    reached = False
    try:
        async for finding in run_checks(
            "access", LAYERS, context, timeout=target.timeout, on_progress=target.on_progress
        ):
            reached = reached or (finding.check == "tcp, tls" and finding.severity in (Severity.PASS, Severity.WARNING))
            yield finding
        if all_auth_forms and reached:
            from probes.access.auth_forms import try_auth_forms  # noqa: PLC0415 - only when asked for

            async for finding in try_auth_forms(context):
                yield finding
        if target.scenario:
            from probes.targets.simulator import scenario_notes  # noqa: PLC0415 - only where there is a simulator

            for finding in scenario_notes(target.scenario):
                yield finding
    finally:
        await context.aclose()
