"""Group K: the dialects of the upstream, its variations, and the phases of answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from probes.conformance.case import Group
from probes.conformance.cases.c_order import same_events
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("K", "Dialects and phases")
_DOWN = "Messages from the bridge"
_ANSWER: Final = 10.0
_TOOL: Final = {"type": "function", "name": "find_loan", "description": "Finds.", "parameters": {"type": "object"}}


@GROUP.case(
    1,
    "Asks for the GA dialect",
    section="Session life 1: initializing",
    expects="No `OpenAI-Beta` header: the service refuses the beta dialect since 2026-05-12.",
    matters="With that header every session ends right after it was opened.",
)
async def no_beta_header(context: CaseContext) -> None:
    """Creates a session, and looks at the headers of the upgrade."""
    client = await context.ready()
    beta = context.upstream.dials[0].headers.get("openai-beta", "")
    check("realtime=v1" not in beta, expected="no `OpenAI-Beta: realtime=v1`", seen=f"OpenAI-Beta: {beta}")
    dialect = client.of_type("session_ready")[0].body.get("dialect")
    check(dialect == "ga", expected="`session_ready` with dialect `ga`", seen=f"{dialect!r}")


@GROUP.case(
    2,
    "Configures in the shape of the GA dialect",
    section="Session life 1: initializing",
    expects="`session.update` has `session.type`, audio settings below `audio`, and no field of the beta dialect.",
    matters="Mixed shapes are refused, or half of the configuration is ignored.",
)
async def ga_shape(context: CaseContext) -> None:
    """Creates a session with every option, and looks into `session.update`."""
    await context.ready(instructions="Be the suite.", voice="cedar", tools=[_TOOL], turnDetection="server_vad")
    session = context.upstream.sessions[0]
    updates: list[dict[str, Any]] = [event.body.get("session", {}) for event in session.of_type("session.update")]
    check(updates, expected="`session.update`", seen="none")
    check(
        all(update.get("type") == "realtime" for update in updates),
        expected="`session.type` `realtime`",
        seen=f"{[update.get('type') for update in updates]}",
    )
    beta = ("voice", "turn_detection", "input_audio_format", "output_audio_format", "modalities", "temperature")
    flat = sorted({name for update in updates for name in beta if name in update})
    check(not flat, expected="no field of the beta dialect", seen=", ".join(flat))


async def upstream_finds_no_fault(context: CaseContext, *, options: dict[str, Any]) -> None:
    """Create a session with these options, have a turn, and look for errors that the upstream sent."""
    client = await context.ready(**options)
    await client.speak(400, silence_ms=1600)
    await context.heard(client)
    if options.get("turnDetection") == "none":
        await client.send("audio_commit")
    if options.get("kind") != "transcription":
        await client.expect("response.done", within=_ANSWER)
    await client.ping_pong()
    refused = context.upstream.sessions[0].sent_of("error")
    errors = [str(event.body.get("error", {}).get("message")) for event in refused]
    check(not errors, expected="the upstream finds no fault with what the bridge sends", seen="; ".join(errors)[:300])


_EVERY: Final = {
    "instructions": "Be brief.",
    "voice": "cedar",
    "tools": [_TOOL],
    "customerId": "7",
    "customerName": "A",
}
_OPTIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("the defaults", {}),
    ("every option", _EVERY),
    ("turns that the client ends", {"turnDetection": "none"}),
    ("semantic turn detection", {"turnDetection": "semantic_vad"}),
    ("a transcription", {"kind": "transcription"}),
)
for number, (what, options) in enumerate(_OPTIONS, 3):
    GROUP.add(
        number,
        f"Sends nothing that the service refuses, with {what}",
        partial(upstream_finds_no_fault, options=options),
        section="Session life 1: initializing",
        does=f"Has a spoken turn with {what}, and looks for errors of the upstream.",
        expects="The upstream, which checks every field as the service does, answers nothing with an error.",
        matters="A refused configuration or event is a setting that silently does not apply.",
        seconds=4.0,
    )


async def variation(context: CaseContext, *, faults: tuple[str, ...]) -> None:
    """Have a typed turn with an upstream that does what is documented, or recorded, of the service."""
    context.upstream.plan(faults)
    client = await context.ready()
    await client.send("text", text="Hello.")
    await client.expect("response.done", within=_ANSWER)
    await context.sleep(0.1)
    await same_events(client, context.upstream.sessions[0])


for number, (what, faults) in enumerate(
    (
        ("`rate_limits.updated` comes before `response.done`", ("described:rate-limits=before,conversation=no",)),
        ("`rate_limits.updated` never comes", ("described:rate-limits=never,conversation=no",)),
        ("`conversation.created` comes", ("described:rate-limits=after,conversation=yes",)),
        ("an answer has a commentary before it (`phase`)", ("commentary",)),
    ),
    8,
):
    GROUP.add(
        number,
        f"Works where {what}",
        partial(variation, faults=faults),
        section=_DOWN,
        does=f"Has a typed turn with an upstream in which {what}.",
        expects="The session works, and every event reaches the client untouched.",
        matters="The service changes such details without a notice.",
    )


@GROUP.case(
    12,
    "Forwards the events of a transcription",
    section="Messages from the client: kind",
    expects="Transcripts of the client's speech arrive, and no answer is asked for.",
    matters="It is all that a transcription is for.",
    seconds=3.0,
)
async def transcripts(context: CaseContext) -> None:
    """Speaks a turn in a transcription session."""
    client = await context.ready(kind="transcription")
    await client.speak(500, silence_ms=900)
    await client.expect("conversation.item.input_audio_transcription.completed", within=_ANSWER)
    session = context.upstream.sessions[-1]
    kind = session.connection.record.kind
    check(kind == "transcription", expected="a transcription session upstream", seen=f"a {kind} session")
    asked = session.of_type("response.create")
    check(not asked, expected="no `response.create` in a transcription", seen=f"{len(asked)} of them")


@GROUP.case(
    13,
    "Finds no session ready whose dialect it does not speak",
    section="Errors: DIALECT_REFUSED",
    expects="With an upstream of the beta dialect the session works in it, or an error says that it does not.",
    matters="Azure's preview and self-hosted servers still speak it.",
    seconds=6.0,
)
async def beta_upstream(context: CaseContext) -> None:
    """Lets the upstream speak the beta dialect."""
    context.upstream.speak_beta()
    client = await context.connect()
    await client.send("create_session", instructions="Be the suite.")
    said = await client.expect("session_ready", "error", within=40.0)
    if said.type == "error":
        context.non_strict("a session in the beta dialect", f"`error` {said.code}")
        return
    refused = context.upstream.sessions[-1].sent_of("error")
    check(
        not refused,
        expected="a configuration in the shape of the beta dialect",
        seen=f"the upstream refused it: {refused[0].body.get('error', {}).get('message') if refused else ''}",
    )
    check(said.body.get("dialect") == "beta", expected="`dialect` beta", seen=f"{said.body.get('dialect')!r}")
    config = str(context.upstream.sessions[-1].sent_of("session.updated")[-1].body)
    check("Be the suite." in config, expected="the instructions are in force", seen="they are not")
