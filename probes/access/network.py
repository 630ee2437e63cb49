"""The first two layers of `access`: the name lookup, then TCP and TLS.

The WebSocket upgrade reuses the connection that is opened here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.upstream.dial.dial import DialFailed, open_stream
from probes.runner import network_checks
from probes.runner.findings import CheckRow

if TYPE_CHECKING:
    from bridge.upstream.dial.dial import OpenedStream
    from probes.access.context import AccessContext
    from reports.model import Finding

NAME, TCP = CheckRow("access", "name"), CheckRow("access", "tcp, tls")


async def resolve_name(context: AccessContext) -> Finding:
    """Look up the addresses of the host, or of the proxy in front of it."""
    return await network_checks.check_name(NAME, context.target)


def name_timed_out(context: AccessContext) -> Finding:
    """Report that the DNS server didn't respond."""
    return network_checks.name_timed_out(NAME, context.target)


async def connect(context: AccessContext) -> Finding:
    """Open TCP, through the proxy if there is one, and TLS for an https URL; the context keeps the connection."""
    try:
        opened = await open_connection(context)
    except DialFailed as failed:
        return context.connection_failure(TCP, failed)
    context.keep_connection(opened)
    return network_checks.check_connection(TCP, context.target, opened)


def connect_timed_out(context: AccessContext) -> Finding:
    """Report that TCP or TLS didn't complete in time."""
    return network_checks.connection_timed_out(TCP, context.target)


async def open_connection(context: AccessContext) -> OpenedStream:
    """Open one connection to the target. Raises DialFailed; cancelling closes it at once."""
    return await open_stream(
        context.target.endpoint, proxy=context.target.proxy, ssl_context=context.target.ssl_context
    )
