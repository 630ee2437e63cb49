"""Group A: the handshake, admission, and the first messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("A", "Handshake and admission")


@GROUP.case(
    1,
    "Greets each socket with `connected`",
    section="Bridge -> client",
    expects="`connected` is the first message of a socket, sent once, with a `clientId` and `protocol` 1.",
    matters="Clients wait for it before they speak, and quote the clientId when they report a problem.",
)
async def greets(context: CaseContext) -> None:
    """Opens a WebSocket and sends a ping."""
    client = await context.connect()
    await client.ping_pong()
    greetings = client.of_type("connected")
    first = client.received[0]
    check(first.type == "connected", expected="the first message is `connected`", seen=f"`{first.type}`")
    check(len(greetings) == 1, expected="one `connected`", seen=f"{len(greetings)} of them")
    check(
        first.body.get("clientId") and first.body.get("protocol") == 1,
        expected="`connected` with a `clientId` and `protocol` 1",
        seen=f"clientId {first.body.get('clientId')!r}, protocol {first.body.get('protocol')!r}",
    )
