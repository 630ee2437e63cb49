"""Group B: early audio, and when a session is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("B", "Early audio and readiness")


@GROUP.case(
    1,
    "Keeps speech that comes before the session is ready",
    section="Session life 3",
    expects="All of it goes upstream, once and in order, after the session is ready.",
    matters="Users speak as soon as they see the page: the first words are what they ask for.",
)
async def early_speech(context: CaseContext) -> None:
    """Speaks 400 ms right after `create_session`, while the upstream takes 500 ms to create the session."""
    context.upstream.plan(["create:seconds=0.5"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(400)
    await client.expect("session_ready", within=READY_SECONDS)
    await context.heard(client, what="the speech that came before `session_ready`")
    context.check_speech(client)


@GROUP.case(
    2,
    "Sends nothing upstream before the session is ready",
    section="Session life 1",
    expects="Audio goes up only after the upstream has confirmed the session and its configuration.",
    matters="What comes before `session.created` is lost or refused by the service, and nobody is told.",
)
async def nothing_early(context: CaseContext) -> None:
    """Speaks while the upstream takes 500 ms to create the session, and looks at what came before `session.updated`."""
    context.upstream.plan(["create:seconds=0.5"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(200)
    await client.expect("session_ready", within=READY_SECONDS)
    await context.heard(client)
    session = context.upstream.sessions[-1]
    confirmed = session.sent_of("session.updated")[0].at
    early = [event.type for event in session.received if event.at < confirmed and event.type != "session.update"]
    check(not early, expected="only `session.update` goes up before `session.updated`", seen=", ".join(early[:5]))
