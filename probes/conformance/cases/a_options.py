"""Group A, continued: what a client asks for in `create_session`."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from probes.conformance.cases.a_handshake import GROUP
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

_DOWN, _UP, _DOORS = "Messages from the bridge", "Messages from the client", "Endpoints"
_TIMESTAMP: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
_NOT_FOUND: Final = 404
_OK: Final = 200


@GROUP.case(
    9,
    "Asks the upstream for the client's model",
    section=_UP,
    expects="`model` of `create_session` is the model of the upstream session.",
    matters="Another model has another price, voice and behaviour.",
)
async def passes_model(context: CaseContext) -> None:
    """Creates a session with another model."""
    client = await context.ready(model="gpt-realtime-mini")
    model = context.upstream.dials[0].query.get("model")
    check(model == "gpt-realtime-mini", expected="the upstream is asked for gpt-realtime-mini", seen=f"for {model!r}")
    said = client.of_type("session_ready")[0].body.get("model")
    check(said == "gpt-realtime-mini", expected="`session_ready` names gpt-realtime-mini", seen=f"{said!r}")


def _found(value: object, wanted: object) -> bool:
    """Whether a value occurs anywhere in a JSON value."""
    if value == wanted:
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_found(one, wanted) for one in inner)


async def configures(context: CaseContext, *, options: dict[str, Any], wanted: object) -> None:
    """Create a session with options, and look for them in the configuration that goes upstream."""
    await context.ready(**options)
    updates = [event.body for event in context.upstream.sessions[0].of_type("session.update")]
    check(
        any(_found(update, wanted) for update in updates),
        expected=f"`session.update` carries {wanted!r}",
        seen=f"it carries {[update.get('session') for update in updates]!r}"[:300],
    )


_TOOL: Final = {"type": "function", "name": "find_loan", "description": "Finds.", "parameters": {"type": "object"}}
_OPTIONS: Final[tuple[tuple[str, dict[str, Any], str], ...]] = (
    ("instructions", {"instructions": "Speak like the suite."}, "Speak like the suite."),
    ("voice", {"voice": "cedar"}, "cedar"),
    ("tools", {"tools": [_TOOL]}, "find_loan"),
    ("turn detection by server_vad", {"turnDetection": "server_vad"}, "server_vad"),
    ("turn detection by semantic_vad", {"turnDetection": "semantic_vad"}, "semantic_vad"),
)
for number, (word, options, wanted) in enumerate(_OPTIONS, 10):
    GROUP.add(
        number,
        f"Configures the session with the client's {word}",
        partial(configures, options=options, wanted=wanted),
        section=_UP,
        does=f"Creates a session with {word}, and looks into `session.update`.",
        expects="The options of `create_session` are in the configuration that goes upstream.",
        matters="Otherwise the assistant behaves as the defaults say, and nobody is told.",
    )


@GROUP.case(
    15,
    "Leaves the ends of turns to a client that asks for it",
    section=_UP,
    expects="With `turnDetection` `none` the upstream ends no turn by itself.",
    matters="Push-to-talk clients are answered in the middle of a sentence otherwise.",
)
async def no_detection(context: CaseContext) -> None:
    """Creates a session without turn detection, speaks and is silent, then commits."""
    client = await context.ready(turnDetection="none")
    await client.speak(300, silence_ms=1000)
    await context.heard(client)
    session = context.upstream.sessions[0]
    started = session.sent_of("input_audio_buffer.speech_started")
    check(not started, expected="no turn detection upstream", seen="the upstream detected speech")


@GROUP.case(
    16,
    "Opens a transcription session for a client that asks for one",
    section=_UP,
    expects="With `kind` `transcription` the upstream session is one for transcription, and becomes ready.",
    matters="A conversation answers, and costs for it, where only a transcript is wanted.",
)
async def transcription(context: CaseContext) -> None:
    """Creates a session of kind `transcription`."""
    await context.ready(kind="transcription")
    kind = str(context.upstream.sessions[-1].connection.record.kind)
    check(kind == "transcription", expected="an upstream session for transcription", seen=f"one for {kind}")
