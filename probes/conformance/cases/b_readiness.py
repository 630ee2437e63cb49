"""Group B: early audio, and when a session is ready."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.case import Group
from probes.conformance.verdict import check, inconclusive

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient

GROUP = Group("B", "Early audio and readiness")
_INITIALIZING, _HELD = "Session life 1: initializing", "Session life 3: held audio"
#: The documented bound of held audio, and a little more than that.
_BOUND_MS, _TOO_MUCH_MS = 30_000, 33_000
#: Notices come a second apart; clocks differ a little.
_CLOCKS: Final = 0.1
#: The documented age of held audio, and a little more.
_AGE, _TOO_OLD = 60.0, 63.0
#: The documented readiness timeout is 10 s; the next attempt comes after a wait of at most some seconds.
_RETRY_WITHIN: Final = 35.0


@GROUP.case(
    1,
    "Keeps speech that comes before the session is ready",
    section=_HELD,
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
    section=_INITIALIZING,
    expects="Audio goes up only after the upstream has confirmed the session and its configuration.",
    matters="What comes before `session.created` is lost or refused by the service, and nobody is told.",
)
async def nothing_early(context: CaseContext) -> None:
    """Speaks while the upstream takes 500 ms to create the session and 300 ms to confirm the configuration."""
    context.upstream.plan(["create:seconds=0.5", "stall:at=ready,seconds=0.3"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(200)
    await client.expect("session_ready", within=READY_SECONDS)
    await context.heard(client)
    session = context.upstream.sessions[-1]
    confirmed = next((event.at for event in session.sent_of("session.updated")), math.inf)
    early = [event.type for event in session.received if event.at < confirmed and event.type != "session.update"]
    check(
        not early, expected="only `session.update` goes up before `session.updated`", seen=", ".join(sorted(set(early)))
    )


@GROUP.case(
    3,
    "Is ready only when the configuration is confirmed",
    section=_INITIALIZING,
    expects="`session_ready` comes after `session.updated` of the upstream.",
    matters="Before that the assistant has the wrong instructions, voice and turn detection.",
)
async def ready_means_ready(context: CaseContext) -> None:
    """Lets the upstream confirm the configuration 600 ms late."""
    context.upstream.plan(["stall:at=ready,seconds=0.6"])
    client = await context.ready()
    ready = client.of_type("session_ready")[0]
    confirmed = context.upstream.sessions[0].sent_of("session.updated")
    check(
        confirmed and confirmed[0].at <= ready.at,
        expected="`session_ready` after the upstream's `session.updated`",
        seen="it came before the upstream had confirmed the configuration",
    )


@GROUP.case(
    4,
    "Configures the session after it is created",
    section=_INITIALIZING,
    expects="`session.update` goes up after `session.created`.",
    matters="The service may drop what comes before it has created the session.",
)
async def configures_late(context: CaseContext) -> None:
    """Lets the upstream create the session 400 ms late."""
    context.upstream.plan(["create:seconds=0.4"])
    await context.ready()
    session = context.upstream.sessions[0]
    created = next((event.at for event in session.sent_of("session.created")), math.inf)
    check(created < math.inf, expected="`session_ready` after `session.created`", seen="it came before that")
    early = [event.type for event in session.received if event.at < created]
    check(not early, expected="nothing goes up before `session.created`", seen=f"{', '.join(early)} came before it")


@GROUP.case(
    5,
    "Counts what it held",
    section="Messages from the bridge",
    expects="`session_ready` says how many chunks and milliseconds of audio were held.",
    matters="It is the only sign for a user interface that nothing of the first sentence is missing.",
)
async def counts_held(context: CaseContext) -> None:
    """Speaks 20 chunks of 20 ms before the configuration is confirmed."""
    context.upstream.plan(["confirm:how=never"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(400)
    await _read_all(context, client)
    await _confirm(context)
    ready = await client.expect("session_ready", within=READY_SECONDS)
    held = ready.number("bufferedMs"), ready.number("bufferedChunks")
    check(held == (400, 20), expected="bufferedMs 400 and bufferedChunks 20", seen=f"{held[0]:g} and {held[1]:g}")


@GROUP.case(
    6,
    "Keeps the order of speech and text that it holds",
    section=_HELD,
    expects="Audio, text and native events that were held go up in the order in which they came.",
    matters="A text that overtakes the speech before it turns question and answer around.",
)
async def holds_in_order(context: CaseContext) -> None:
    """Speaks, types and speaks again before the session is ready."""
    context.upstream.plan(["create:seconds=0.4"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(100)
    await client.send("text", text="between")
    await client.speak(100)
    await client.expect("session_ready", within=READY_SECONDS)
    await context.heard(client)
    wanted = ["input_audio_buffer.append", "conversation.item.create", "input_audio_buffer.append"]
    types = [kind for kind in context.upstream.sessions[-1].types() if kind in wanted]
    check(types == wanted, expected=f"in this order: {', '.join(wanted)}", seen=", ".join(types))


@GROUP.case(
    7,
    "Holds native events, too",
    section=_HELD,
    expects="A native event that comes before the session is ready goes up unchanged, behind the audio before it.",
    matters="Clients commit and ask for a response by native events.",
)
async def holds_native(context: CaseContext) -> None:
    """Speaks and sends `input_audio_buffer.commit` before the session is ready."""
    context.upstream.plan(["create:seconds=0.4"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(200)
    await client.send_event("input_audio_buffer.commit", event_id="event_of_the_client")
    await client.expect("session_ready", within=READY_SECONDS)
    session = context.upstream.sessions[-1]
    await context.upstream_received(session, "input_audio_buffer.commit")
    await context.heard(client)
    types = session.types()
    check(
        types.index("input_audio_buffer.append") < types.index("input_audio_buffer.commit"),
        expected="the commit behind the speech that came before it",
        seen=", ".join(types),
    )


@GROUP.case(
    8,
    "Holds what comes before `create_session`, and says so",
    section="Errors: NO_SESSION_EXISTS",
    expects="`error` NO_SESSION_EXISTS, retryable; what came is held and goes up once there is a session.",
    matters="A microphone often starts before the click that creates the session.",
)
async def holds_before_create(context: CaseContext) -> None:
    """Speaks 200 ms, and creates the session afterwards."""
    client = await context.connect()
    await client.speak(200)
    error = await client.expect("error", expected="`error` NO_SESSION_EXISTS for speech without a session")
    check(error.code == "NO_SESSION_EXISTS", expected="`error` NO_SESSION_EXISTS", seen=error.shown_code)
    check(error.body.get("retryable") is True, expected="it is retryable", seen=str(error.body.get("retryable")))
    await client.send("create_session", turnDetection="none")
    await client.expect("session_ready", within=READY_SECONDS)
    await context.heard(client, what="the speech that came before `create_session`")
    context.check_speech(client)


@GROUP.case(
    9,
    "Bounds what it holds, gives up the oldest, and says how much",
    section=_HELD,
    expects="Past 30 s of audio the oldest goes, and `audio_dropped` counts every millisecond of it.",
    matters="Without a bound one stuck upstream fills the memory; without the notice words vanish in silence.",
    seconds=3.0,
)
async def bounds_held(context: CaseContext) -> None:
    """Speaks 33 s before it confirms the session, and compares what is missing upstream with `audio_dropped`."""
    context.upstream.plan(["confirm:how=never"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(_BOUND_MS, chunk_ms=100)
    full_at = context.now
    await client.speak(_TOO_MUCH_MS - _BOUND_MS, chunk_ms=100)
    await _read_all(context, client)
    if [error for error in client.errors if error.code == "SESSION_INITIALIZATION_FAILED"]:
        inconclusive(f"every attempt of the bridge ended while this machine sent {_TOO_MUCH_MS / 1000:g} s of speech")
    await _confirm(context)
    await client.expect("session_ready", within=READY_SECONDS)
    dropped = 0.0

    def accounted() -> bool:
        nonlocal dropped
        dropped = sum(said.number("ms") for said in client.of_type("audio_dropped"))
        count = context.count_in(context.upstream.sessions[-1], client.source.caller)
        return count.received_ms + dropped == client.source.sent_ms

    whole = await context.waiter.holds(accounted, within=SOON)
    count = context.count_in(context.upstream.sessions[-1], client.source.caller, client.source.sent_ms)
    check(
        whole,
        expected="what went up and what `audio_dropped` reports are all that was spoken: 33000 ms",
        seen=f"{count.received_ms} ms went up, {dropped:g} ms were reported as dropped",
    )
    if not dropped:
        context.non_strict("held audio is bounded at 30 s by default", "33 s were held")
        return
    gaps = count.missing
    check(
        len(gaps) == 1 and gaps[0][0] == 0,
        expected="the oldest audio is given up",
        seen=f"missing: {', '.join(f'{first} to {end} ms' for first, end in gaps)}",
    )
    notices = client.of_type("audio_dropped")
    # None can be older than what fills the buffer, and however late they arrive, they were sent a second apart.
    seconds = notices[-1].at - full_at + _CLOCKS
    check(
        len(notices) - 1 <= seconds,
        expected="at most one `audio_dropped` a second, with sums",
        seen=f"{len(notices)} of them in {seconds:.1f} s",
    )
    reason = notices[0].body.get("reason")
    check(reason == "buffer_full", expected="reason `buffer_full`", seen=f"{reason!r}")


async def _read_all(context: CaseContext, client: BridgeClient) -> None:
    """Wait until the bridge has read what a client sent. Whether it answers a `ping` at all is for another case."""
    sign = "audio_dropped" if context.profile.outgoing("ping", {}) is None else "pong"
    if sign == "pong":
        await client.send("ping", id="read")
    await context.waiter.holds(lambda: client.of_type(sign) or client.end, within=SOON)


async def _confirm(context: CaseContext) -> None:
    """Confirm the configuration of the attempt that waits for it, and let later attempts succeed at once."""
    upstream = context.upstream
    upstream.plan([])
    session = await context.session(len(upstream.sessions) or 1)
    await context.waiter.holds(lambda: session.of_type("session.update") or not session.is_open, within=SOON)
    if session.is_open:
        created = session.sent_of("session.created")[0].body
        session.send({"type": "session.updated", "event_id": "event_suite_ready", "session": created.get("session")})


@GROUP.case(
    10,
    "Takes speech as JSON as it takes binary frames",
    section="Messages from the client",
    expects="`audio` with base64 and a binary frame do the same, before the session is ready and in it.",
    matters="Many browsers' libraries send text frames only.",
)
async def audio_as_json(context: CaseContext) -> None:
    """Speaks in `audio` messages before the session is ready and in it."""
    context.upstream.plan(["create:seconds=0.3"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(200, as_message=True)
    await client.expect("session_ready", within=READY_SECONDS)
    await client.speak(200, as_message=True)
    await context.heard(client)
    context.check_speech(client)


@GROUP.case(
    11,
    "Forwards the events of the initialization before `session_ready`",
    section="Messages from the bridge",
    expects="The client receives `session.created` and `session.updated`, and `session_ready` behind them.",
    matters="Clients read the configuration from them.",
)
async def forwards_initialization(context: CaseContext) -> None:
    """Creates a session."""
    client = await context.ready()
    ready = client.of_type("session_ready")[0]
    before = [said.type for said in client.received[: ready.index] if said.is_native]
    check(
        "session.created" in before and "session.updated" in before,
        expected="`session.created` and `session.updated` before `session_ready`",
        seen=f"before it: {', '.join(before) or 'no native event'}",
    )


@GROUP.case(
    12,
    "Sends speech that comes while the held speech goes up behind it",
    section=_HELD,
    expects="Chunks that arrive while the held ones are being sent go behind them.",
    matters="Otherwise the middle of the sentence comes before its beginning.",
)
async def no_overtaking(context: CaseContext) -> None:
    """Speaks without a pause from before the session is ready until after it."""
    context.upstream.plan(["create:seconds=0.3"])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(3000)
    while not client.of_type("session_ready") and client.source.sent_ms < _BOUND_MS - 2000:
        await client.speak(100)
        await context.sleep(0.005)
    await client.speak(2000)
    await client.expect("session_ready", within=READY_SECONDS)
    await context.heard(client)
    context.check_speech(client)


@GROUP.case(
    18,
    "Gives up held audio that is too old",
    section=_HELD,
    expects="After 60 s held audio goes, `audio_dropped` says `too_old`, and it never goes upstream.",
    matters="Speech that is answered a minute late is worse than a question whether to repeat it.",
    seconds=63.0,
)
async def too_old(context: CaseContext) -> None:
    """Loses the session and speaks 200 ms; three attempts meet `retry-after: 21`, the fourth succeeds."""
    refused = [f"http:status=503,retry-after={_TOO_OLD / 3:g}"]
    context.upstream.plan([], refused, refused, refused, [])
    client = await context.ready(turnDetection="none")
    last = client.last
    context.upstream.sessions[0].drop()
    await client.expect("reconnecting", after=last)
    await client.speak(200)
    spoken = context.now
    back = await client.expect(
        "reconnected",
        "error",
        after=last,
        where=lambda said: said.code not in ("SESSION_NOT_READY", "NO_SESSION_EXISTS"),
        within=_TOO_OLD + READY_SECONDS,
    )
    if back.type == "error" or back.at - spoken < _AGE:
        inconclusive(f"the bridge held speech for {back.at - spoken:.0f} s only: {client.describe(last)}")
    await client.ping_pong()
    old = context.count_in(context.upstream.sessions[-1], client.source.caller).received_ms
    check(not old, expected="no speech of a minute ago goes upstream", seen=f"{old} ms of it")
    dropped = [said for said in client.of_type("audio_dropped") if said.body.get("reason") == "too_old"]
    told = sum(said.number("ms") for said in dropped)
    check(told == 200, expected="`audio_dropped` `too_old` with 200 ms", seen=f"{told:g} ms")  # noqa: PLR2004 - what was spoken
