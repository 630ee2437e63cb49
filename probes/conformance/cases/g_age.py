"""Group G: the age of sessions, and the rollover to a fresh one before the upstream ends them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import SOON
from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("G", "Age and rollover")
_AGE = "Session life 5: age"
#: The upstream's sessions live this long in the cases of this group, and say so in `expires_at`.
_LIFE: Final = 6
_LONG_LIFE, _SPEAKS_FROM, _SPEAKS_ON = 20, 8, 0.2
_WITHIN: Final = 20.0
_ROUNDING: Final = 1.5


@GROUP.case(
    1,
    "Rolls over before the upstream ends the session",
    section=_AGE,
    expects="The fresh session is there before the old one is ended for its age.",
    matters="At the 60th minute the assistant would vanish in the middle of a word.",
    seconds=7.0,
)
async def rolls_over(context: CaseContext) -> None:
    """Gives the first session 6 s to live, and speaks now and then."""
    context.upstream.plan([f"expire:seconds={_LIFE}"], [])
    client = await context.ready(turnDetection="none")
    first = context.upstream.sessions[0]
    await context.waiter.until(
        lambda: len(context.upstream.sessions) > 1 or not first.is_open,
        expected="a fresh session before the first one reaches its age",
        seen="the same session",
        within=_WITHIN,
    )
    await context.waiter.until(
        lambda: len(context.upstream.sessions) > 1,
        expected="a fresh session when the first one reaches its age",
        seen=client.describe,
        within=_WITHIN,
    )
    expired = first.sent_of("error")
    if expired and expired[0].at < context.upstream.sessions[1].opened_at:
        context.non_strict(
            "a rollover before the upstream ends the session", "the session was lost to its age, and then replaced"
        )
    await client.expect("reconnected", within=_WITHIN)


@GROUP.case(
    2,
    "Loses no word when a session reaches its age",
    section=_AGE,
    expects="Speech goes on through the rollover: each millisecond reaches one of the sessions, in order.",
    matters="The user does not know how old the session is.",
    seconds=8.0,
)
async def speaks_through(context: CaseContext) -> None:
    """Gives the first session 6 s to live, and speaks until after its end."""
    context.upstream.plan([f"expire:seconds={_LIFE}"], [])
    client = await context.ready(turnDetection="none")
    started = context.now
    while not client.of_type("reconnected") and context.now - started < _WITHIN:
        await client.speak(100)
        await context.sleep(0.1)
    await client.expect("reconnected")
    await client.speak(200)
    await context.heard(client)
    count = context.merged().counts({client.source.caller: client.source.sent_ms})[client.source.caller]
    check(
        not count.lost_ms,
        expected=f"all {client.source.sent_ms} ms in one of the sessions",
        seen=f"{count.lost_ms} ms are in none of them",
    )


@GROUP.case(
    3,
    "Announces the rollover",
    section="Messages from the bridge",
    expects="`session_expiring` says when the upstream ends the session, in `expiresAt`.",
    matters="Clients can choose a good moment, and support sees why there was a pause.",
    seconds=7.0,
)
async def announces(context: CaseContext) -> None:
    """Gives the first session 6 s to live, and reads `session_expiring`."""
    context.upstream.plan([f"expire:seconds={_LIFE}"], [])
    client = await context.ready()
    said = await client.expect("session_expiring", within=_WITHIN)
    stated = context.upstream.sessions[0].sent_of("session.created")[0].body.get("session", {}).get("expires_at")
    try:
        told = datetime.fromisoformat(str(said.body.get("expiresAt"))).timestamp()
    except ValueError:
        told = 0.0
    check(
        isinstance(stated, int | float) and abs(told - stated) <= _ROUNDING,
        expected=f"expiresAt as in the upstream's `expires_at`: {stated}",
        seen=f"{said.body.get('expiresAt')!r}",
    )


@GROUP.case(
    4,
    "Survives a session that ends without warning",
    section=_AGE,
    expects="After `session_expired` and close 1001 a fresh session goes on, or the client is told by an error.",
    matters="Azure ends sessions after 30 minutes, others when they like.",
    seconds=4.0,
)
async def expires_at_once(context: CaseContext) -> None:
    """Ends the session as the service ends one that is too old, without an earlier word about it."""
    client = await context.ready(turnDetection="none")
    await client.speak(200)
    await context.heard(client)
    session = context.upstream.sessions[0]
    session.send_error("session_expired", "Your session hit the maximum duration of 60 minutes.")
    session.close(1001, "invalid_request_error.session_expired")
    said = await client.expect("reconnected", "error", where=lambda one: one.code != "UPSTREAM_ERROR", within=_WITHIN)
    if said.type == "error":
        check(
            said.code == "SESSION_EXPIRED", expected="`reconnected`, or `error` SESSION_EXPIRED", seen=said.shown_code
        )
        context.non_strict("a fresh session", "`error` SESSION_EXPIRED")
        return
    await context.heard_in_newest(client)


@GROUP.case(
    5,
    "Leaves no old session behind",
    section=_AGE,
    expects="After a rollover the old upstream socket is closed.",
    matters="Two sessions for one user cost twice.",
    seconds=7.0,
)
async def closes_old(context: CaseContext) -> None:
    """Gives the first session 6 s to live, and looks at the open sockets after the rollover."""
    context.upstream.plan([f"expire:seconds={_LIFE}"], [])
    client = await context.ready()
    first = context.upstream.sessions[0]
    back = await client.expect("reconnected", within=_WITHIN)
    await context.waiter.until(
        lambda: len(context.upstream.open_sessions) == 1,
        expected="one open upstream socket",
        seen=lambda: f"{len(context.upstream.open_sessions)} of them",
    )
    expired = first.sent_of("error")
    check(
        not expired or expired[0].at < back.at,
        expected="the bridge closes the old upstream socket after the rollover",
        seen="it left it open: the upstream ended that session for its age",
    )


@GROUP.case(
    6,
    "Waits for a pause of the speech before it rolls over",
    section=_AGE,
    expects="If there is a pause before the age is reached, the fresh session is opened in it, not in a sentence.",
    matters="Turn detection starts anew with the session: a sentence that is cut is answered by half.",
    seconds=20.0,
)
async def in_a_pause(context: CaseContext) -> None:
    """Gives the first session 20 s; speaks without a pause from second 8 until just after `session_expiring`."""
    context.upstream.plan([f"expire:seconds={_LONG_LIFE}"], [])
    client = await context.ready()
    first, started = context.upstream.sessions[0], context.now
    while len(context.upstream.dials) < 2 and context.now - started < _LONG_LIFE + SOON:  # noqa: PLR2004 - the rollover
        announced = client.of_type("session_expiring")
        over = bool(announced) and context.now - announced[0].at > _SPEAKS_ON
        speaks = context.now - started > _SPEAKS_FROM and not over
        await client.speak(40 if speaks else 0, silence_ms=0 if speaks else 40)
        await context.sleep(0.04)
    fresh = await context.session(2, within=_WITHIN)
    states = first.sent_of("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped")
    before = [event.type for event in states if event.at < fresh.dial.at]
    ended = first.sent_of("error")
    if ended and ended[0].at < fresh.dial.at:
        context.non_strict("a rollover before the upstream ends the session", "the session was lost to its age")
        return
    check(
        client.of_type("session_expiring"),
        expected="`session_expiring` before the rollover, so that the client can pause",
        seen=client.describe(),
    )
    check(
        before[-1:] != ["input_audio_buffer.speech_started"],
        expected="the fresh session is opened in the pause that comes half a second after `session_expiring`",
        seen=f"in the middle of the sentence, in second {fresh.dial.at - started:.0f} of {_LONG_LIFE}",
    )
