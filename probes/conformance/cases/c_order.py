"""Group C: order, and exactly once. Everything is counted with tracer audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conformance.case import Group

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("C", "Order and exactly-once")


@GROUP.case(
    1,
    "Passes speech on whole, once and in order",
    section="Client -> bridge",
    expects="Every millisecond of speech reaches the upstream once, in the order in which it was spoken.",
    matters="Lost or doubled audio turns into words that the user never said.",
)
async def whole(context: CaseContext) -> None:
    """Speaks two seconds in chunks of 20 ms to a ready session."""
    client = await context.ready(turnDetection="none")
    await client.speak(2000)
    await context.heard(client)
    context.check_speech(client)
