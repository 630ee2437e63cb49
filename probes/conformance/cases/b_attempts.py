"""Group B, continued: sessions that never become ready."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.cases.b_readiness import GROUP
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

_INITIALIZING, _HELD = "Session life 1: initializing", "Session life 3: held audio"
#: The documented bound of held audio, and a little more than that.
_BOUND_MS, _TOO_MUCH_MS = 30_000, 33_000
#: The documented readiness timeout is 10 s; the next attempt comes after a wait of at most some seconds.
_RETRY_WITHIN: Final = 35.0


async def attempt_fails(context: CaseContext, *, fault: str) -> None:
    """Let the first attempt never become ready, and wait for the second."""
    context.upstream.plan([fault], [])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(200)
    await context.waiter.until(
        lambda: len(context.upstream.dials) > 1 or client.errors,
        expected="an attempt without confirmation fails after the readiness timeout (10 s by default), and is repeated",
        seen=lambda: f"no second attempt in {_RETRY_WITHIN:g} s; the client received: {client.describe()}",
        within=_RETRY_WITHIN,
    )
    check(len(context.upstream.dials) > 1, expected="a second attempt after the timeout", seen=client.describe())
    ready = await client.expect("session_ready", within=READY_SECONDS)
    check(
        ready.at >= context.upstream.dials[1].at,
        expected="`session_ready` only for the attempt that was confirmed",
        seen="`session_ready` came although nothing was confirmed",
    )
    await context.heard(client, what="the speech that was held over both attempts")
    context.check_speech(client)


for number, (fault, what) in enumerate(
    (
        ("create:seconds=-1", "never creates the session"),
        ("confirm:how=never", "never confirms the configuration"),
        ("handshake:how=never", "never answers the upgrade"),
    ),
    13,
):
    GROUP.add(
        number,
        f"Gives up an attempt in which the upstream {what}",
        partial(attempt_fails, fault=fault),
        section=_INITIALIZING,
        does=f"Speaks; the upstream {what} at the first attempt, and behaves at the second.",
        expects="No confirmation within the readiness timeout counts as a failed attempt; the held speech survives it.",
        matters="Without a bound the client waits for ever, in silence.",
        seconds=14.0,
    )


@GROUP.case(
    16,
    "Tells a client when its configuration is refused",
    section=_INITIALIZING,
    expects="If the upstream refuses the configuration, the session is not ready, and an error says why.",
    matters="A session with the wrong instructions looks alive and says the wrong things.",
    seconds=4.0,
)
async def refused_configuration(context: CaseContext) -> None:
    """Lets the upstream refuse every `session.update`."""
    context.upstream.plan(["confirm:how=refuse"])
    client = await context.connect()
    await client.send("create_session", instructions="Be the suite.")
    error = await client.expect("error", "session_ready", within=_RETRY_WITHIN)
    check(
        error.type == "error",
        expected="an `error`, and no `session_ready`",
        seen="`session_ready`, although the upstream has refused the configuration",
    )


@GROUP.case(
    17,
    "Gives up held audio when the session has failed, and says so",
    section=_HELD,
    expects="When every attempt has failed, all that was held goes, and `audio_dropped` says how much.",
    matters="Speech that is answered a minute late is worse than a question whether to repeat it.",
    seconds=4.0,
)
async def drops_at_failure(context: CaseContext) -> None:
    """Speaks 400 ms while the upstream creates no session; then the upstream refuses the key."""
    context.upstream.plan(["create:seconds=-1"])
    client = await context.connect()
    await client.send("create_session")
    await client.speak(400)
    await client.ping_pong()  # the bridge has read the speech
    session = await context.session(1)
    session.send_error("invalid_api_key", "Incorrect API key provided.")
    session.close(3000, "invalid_request_error.invalid_api_key")
    await client.expect("error", within=READY_SECONDS)
    dropped = await client.expect(
        "audio_dropped", within=SOON, expected="`audio_dropped` for the 400 ms of speech that were held"
    )
    check(
        dropped.number("ms") == 400 and dropped.body.get("reason") == "session_failed",  # noqa: PLR2004 - what was spoken
        expected="`audio_dropped` with ms 400 and reason `session_failed`",
        seen=f"ms {dropped.body.get('ms')!r}, reason {dropped.body.get('reason')!r}",
    )
