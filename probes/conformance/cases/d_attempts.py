"""Group D: attempts to open a session, what is retried, and what must not be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("D", "Attempts and retries")
_ATTEMPTS, _ERRORS = "Session life 2: attempts", "Errors"
#: 1 + 2 retries with waits of at most 1 s and 2 s by default; a bridge may wait longer.
_ALL_ATTEMPTS: Final = 40.0
_DEFAULT_ATTEMPTS: Final = 3
_BOUNDED: Final = "`error` after some attempts, 1 + 2 by default"
_ONCE: Final = "one attempt, as another one cannot succeed"
_MAX_ATTEMPTS: Final = 10
#: Two waits with full jitter from 1 s can be short, but not both together.
_LEAST_WAITS: Final = 0.02
_RETRY_AFTER: Final = 2
#: Full jitter makes single waits short, but not the mean of six. An error reaches a client 2 s after the last one.
_ROUNDS, _LEAST_MEAN, _WINDOW = 3, 0.1, 2.1


async def fatal(context: CaseContext, *, fault: str, codes: tuple[str, ...]) -> None:
    """Refuse every attempt for a reason that cannot get better."""
    context.upstream.plan([fault])
    client = await context.connect()
    await client.send("create_session")
    error = await client.expect("error", within=_ALL_ATTEMPTS)
    attempts = len(context.upstream.dials)
    check(attempts == 1, expected=_ONCE, seen=f"{attempts} attempts, then `error` {error.code}")
    seen = f"{error.code}: {error.body.get('message')}"
    check(error.code in codes, expected=f"`error` {' or '.join(codes)}", seen=seen)
    final = error.body.get("retryable") is False
    check(final, expected=f"{error.code} is not retryable", seen=f"retryable {error.body.get('retryable')!r}")
    more = await context.waiter.holds(lambda: len(context.upstream.dials) > 1, within=1.5)
    check(not more, expected=_ONCE, seen=f"{len(context.upstream.dials)} attempts")
    check(not client.of_type("session_ready"), expected="no `session_ready`", seen=client.describe())


_FATAL: Final = (
    ("a wrong key (close 3000)", "refuse:code=invalid_api_key", ("AUTHENTICATION_FAILED",)),
    ("a wrong key (HTTP 401)", "http:status=401", ("AUTHENTICATION_FAILED",)),
    ("a key without access (HTTP 403)", "http:status=403", ("ACCESS_DENIED",)),
    ("a model that does not exist (close 4004)", "refuse:code=model_not_found", ("MODEL_NOT_AVAILABLE",)),
    ("a model of another kind (close 4000)", "refuse:code=invalid_model", ("MODEL_NOT_AVAILABLE", "DIALECT_REFUSED")),
    ("the beta dialect (close 4000)", "refuse:code=beta_api_shape_disabled", ("DIALECT_REFUSED",)),
    ("an account without credit (close 1013)", "refuse:code=insufficient_quota", ("QUOTA_EXHAUSTED",)),
    ("a spend limit (close 1013)", "refuse:code=project_spend_limit_exceeded", ("QUOTA_EXHAUSTED",)),
    ("an account without credit (HTTP 429)", "http:status=429,says=insufficient_quota", ("QUOTA_EXHAUSTED",)),
)
for number, (what, fault, codes) in enumerate(_FATAL, 1):
    GROUP.add(
        number,
        f"Does not retry {what}",
        partial(fatal, fault=fault, codes=codes),
        section=_ATTEMPTS,
        does=f"Creates a session; the upstream refuses {what}.",
        expects=f"One attempt, then `error` {' or '.join(codes)}, which is not retryable.",
        matters="Retries delay the answer to what is wrong, and may get the account blocked.",
        seconds=2.0,
    )


async def recovers(context: CaseContext, *, fault: str, failures: int) -> None:
    """Let the first attempts fail for a reason that passes."""
    context.upstream.plan(*[[fault]] * failures, [])
    client = await context.connect()
    await client.send("create_session", turnDetection="none")
    await client.speak(200)
    ended = await client.expect(
        "session_ready", "error", within=_ALL_ATTEMPTS, expected="another attempt, which succeeds: `session_ready`"
    )
    check(
        ended.type == "session_ready",
        expected="another attempt, which succeeds: `session_ready`",
        seen=f"{ended.shown_code} after {len(context.upstream.dials)} attempts",
    )
    await context.heard(client, what="the speech that was held over the failed attempts")
    context.check_speech(client)
    check(not client.errors, expected="no error while attempts are left", seen=client.describe())
    numbers = [int(said.number("attempt")) for said in client.of_type("session_initializing")]
    wanted = list(range(1, failures + 2))
    check(numbers == wanted, expected=f"`session_initializing` for attempts {wanted}", seen=str(numbers))


_PASSING: Final = (
    ("HTTP 503", "http:status=503", 1),
    ("HTTP 500, twice", "http:status=500", 2),
    ("HTTP 502 with a page of a gateway", "http:status=502,says=page", 1),
    ("an error of the service (close 1011)", "refuse:code=server_error", 1),
    ("TCP that ends right after the upgrade", "drop:at=connect", 1),
    ("TCP that is reset right after the upgrade", "reset:at=connect", 1),
    ("a close with 1000 before the session", "close:at=connect,code=1000", 1),
    ("TCP that ends during the upgrade", "handshake:how=closed", 1),
    ("an answer to the upgrade that is no HTTP", "handshake:how=not-http", 1),
)
for number, (what, fault, failures) in enumerate(_PASSING, 10):
    GROUP.add(
        number,
        f"Retries after {what}",
        partial(recovers, fault=fault, failures=failures),
        section=_ATTEMPTS,
        does=f"Speaks; the first attempt meets {what}, a later one succeeds.",
        expects="The attempt is repeated; held speech goes up whole; `session_initializing` counts the attempts.",
        matters="The service fails for seconds every day; users should not notice.",
        seconds=3.0,
    )


async def unavailable(context: CaseContext, *, fault: str) -> None:
    """Let every attempt fail for a reason that may pass."""
    if not fault:
        await context.set_upstream_listening(False)
    else:
        context.upstream.plan([fault])
    client = await context.connect()
    await client.send("create_session")
    error = await client.expect("error", within=_ALL_ATTEMPTS, expected=_BOUNDED)
    expected = ("SESSION_INITIALIZATION_FAILED", "UPSTREAM_UNAVAILABLE")
    check(error.code in expected, expected=f"`error` {expected[0]}", seen=f"{error.code}: {error.body.get('message')}")
    check(error.body.get("retryable") is True, expected=f"{error.code} is retryable", seen="retryable is not true")
    if error.code != expected[0]:
        context.non_strict(f"`error` {expected[0]} after the last attempt", error.code)
    if not fault:
        return
    dials = [dial.at for dial in context.upstream.dials]
    check(len(dials) > 1, expected="the attempt is repeated", seen="one attempt")
    check(len(dials) <= _MAX_ATTEMPTS, expected="1 + 2 retries by default", seen=f"{len(dials)} attempts")
    check(
        dials[-1] - dials[0] >= _LEAST_WAITS * (len(dials) - 1) / 2,
        expected="waits between the attempts that grow from 1 s, with jitter",
        seen=f"{len(dials)} attempts in {(dials[-1] - dials[0]) * 1000:.0f} ms",
    )
    if len(dials) != _DEFAULT_ATTEMPTS:
        context.non_strict("1 + 2 retries by default", f"{len(dials)} attempts")


for number, (what, fault) in enumerate(
    (
        ("HTTP 503 each time", "http:status=503"),
        ("a server error each time", "refuse:code=server_error"),
        ("no upstream that listens", ""),
    ),
    19,
):
    GROUP.add(
        number,
        f"Gives up after some attempts: {what}",
        partial(unavailable, fault=fault),
        section=_ATTEMPTS,
        does=f"Creates a session; the bridge meets {what}.",
        expects="1 + 2 retries with growing waits, then `error` SESSION_INITIALIZATION_FAILED, which is retryable.",
        matters="A client that is never told waits for ever; retries without waits turn an outage into a storm.",
        seconds=6.0,
    )


@GROUP.case(
    22,
    "Waits as long as the upstream asks for",
    section=_ATTEMPTS,
    expects="`retry-after` wins when it is longer than the bridge's own wait.",
    matters="Who comes earlier is refused again, and may be refused for longer.",
    seconds=5.0,
)
async def retry_after(context: CaseContext) -> None:
    """Answers the first upgrade with 429 and `retry-after: 2`."""
    context.upstream.plan([f"http:status=429,retry-after={_RETRY_AFTER}"], [])
    client = await context.connect()
    await client.send("create_session")
    ended = await client.expect("session_ready", "error", within=_ALL_ATTEMPTS)
    check(
        ended.type == "session_ready",
        expected="another attempt after HTTP 429, which succeeds: `session_ready`",
        seen=f"{ended.shown_code} after {len(context.upstream.dials)} attempts",
    )
    first, second = context.upstream.dials[:2]
    check(
        second.at - first.at >= _RETRY_AFTER - 0.05,
        expected=f"the next attempt at least {_RETRY_AFTER} s later, as `retry-after` says",
        seen=f"{second.at - first.at:.2f} s later",
    )


@GROUP.case(
    23,
    "Starts afresh when asked again after a failure",
    section="Messages from the client",
    expects="`create_session` after a failure is a fresh try.",
    matters="Otherwise users have to reload the page.",
    seconds=2.0,
)
async def fresh_try(context: CaseContext) -> None:
    """Fails the first session because of the key, and creates another one that succeeds."""
    context.upstream.plan(["refuse:code=invalid_api_key"], [])
    client = await context.connect()
    await client.send("create_session")
    error = await client.expect(
        "error", within=READY_SECONDS, expected="an `error` for the refused key, without another attempt"
    )
    await client.send("create_session")
    await client.expect("session_ready", after=error, within=READY_SECONDS)


@GROUP.case(
    24,
    "Says what failed in `detail`",
    section="Errors: SESSION_INITIALIZATION_FAILED",
    expects="`detail` carries the number of attempts and the status or code of the upstream.",
    matters="Support can't tell an outage from a wrong setting otherwise.",
    seconds=6.0,
)
async def failure_detail(context: CaseContext) -> None:
    """Lets every attempt meet HTTP 503 and reads `detail`."""
    context.upstream.plan(["http:status=503"])
    client = await context.connect()
    await client.send("create_session")
    error = await client.expect("error", within=_ALL_ATTEMPTS, expected=_BOUNDED)
    detail = error.body.get("detail")
    check(isinstance(detail, dict) and detail, expected="an `error` with `detail`", seen=f"detail {detail!r}")
    text = str(detail)
    check("503" in text, expected="`detail` with the upstream's status 503", seen=text[:200])
    check("attempt" in text.lower(), expected="`detail` with the number of attempts", seen=text[:200])


@GROUP.case(
    25,
    "Opens no session after its client has left",
    section="Session life 9: end",
    expects="Attempts end with the client.",
    matters="Sessions without a client cost money and are never closed.",
    seconds=5.0,
)
async def no_attempts_without_client(context: CaseContext) -> None:
    """Leaves while the bridge waits for its next attempt."""
    context.upstream.plan(["http:status=503,retry-after=1"], [])
    client = await context.connect()
    await client.send("create_session")
    await context.waiter.until(lambda: context.upstream.dials, expected="an attempt", seen="none", within=SOON)
    await client.close()
    more = await context.waiter.holds(lambda: len(context.upstream.dials) > 1, within=2.5)
    check(not more, expected="no attempt after the client has left", seen="another attempt")


@GROUP.case(
    26,
    "Waits between attempts",
    section=_ATTEMPTS,
    expects="Waits grow exponentially from 1 s with full jitter.",
    matters="A thousand clients that try again at once keep a service down that has just come back.",
    seconds=9.0,
)
async def waits(context: CaseContext) -> None:
    """Lets three sessions fail at every attempt, and adds up the waits between the attempts of each."""
    context.upstream.plan(["http:status=503"])
    client = await context.connect()
    total, gaps = 0.0, 0
    for _ in range(_ROUNDS):
        last, before = client.last, len(context.upstream.dials)
        await client.send("create_session")
        await client.expect("error", after=last, within=_ALL_ATTEMPTS)
        times = [dial.at for dial in context.upstream.dials[before:]]
        total, gaps = total + times[-1] - times[0], gaps + len(times) - 1
        await context.sleep(_WINDOW)
    check(gaps, expected="several attempts for each session", seen="one attempt each")
    check(
        total / gaps >= _LEAST_MEAN,
        expected="waits between the attempts, of half a second and more on average",
        seen=f"{total / gaps * 1000:.0f} ms on average over {gaps} waits",
    )
