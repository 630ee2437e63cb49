"""Rules about what a session, response or item may hold. Values only; see `rules.py`.

Facts: the published description of 2026-08; refusals as recorded in 2026-09.
"""

from __future__ import annotations

import json

from bridge.protocol.models import MODELS, Socket
from bridge.protocol.schema.shapes import ASSISTANT_PARTS, FLAT_TO_NESTED, FORMATS
from probes.lint.rule import Rewrite, Rule, Shape, SwapWord
from probes.lint.rules.patterns import (
    SCRIPT,
    Grammar,
    all_of,
    both,
    call_of,
    child,
    elsewhere,
    entry,
    in_file,
    kind,
    literal,
    looks_like,
    message,
    no,
    object_with,
    one_of,
    under,
    within,
    words,
)
from reports.model import Severity

_ONE_BAD = "One field that is refused makes the service drop the whole update: it goes on with its defaults."


def _spread(g: Grammar) -> Shape:
    return kind("spread_element") if g is SCRIPT else kind("dictionary_splat")


def _session(g: Grammar) -> Shape:
    """The session object of an update or of minting, written out where it is sent."""
    of_update = under(all_of(entry(g, "session"), under(message(g, "session.update"))))
    of_call = within(call_of(g, looks_like(r"(?i)(?:\bsession\.update|\bclient_?secrets\.create)$")))
    return all_of(kind(g.object), one_of(of_update, all_of(under(entry(g, "session")), of_call)))


SESSION_TYPE_MISSING = Rule(
    id="session-type-missing",
    severity=Severity.FAIL,
    title="A session update does not say its type",
    why=f"session.type is required: missing_required_parameter. {_ONE_BAD}",
    fix='Say it first: "type": "realtime", or "transcription"',
    looks=both(
        lambda g: all_of(
            kind(g.object),
            under(all_of(entry(g, "session"), under(message(g, "session.update")))),
            child(entry(g, r"\w+")),
            no(child(entry(g, "type"))),
            no(child(_spread(g))),
            # `type` alone, as in { type, ... }: it is there.
            *([no(child(all_of(kind("shorthand_property_identifier"), looks_like("^type$"))))] if g is SCRIPT else []),
        )
    ),
    words=("session.update",),
)

_MOVED = {flat: ".".join(path) for flat, path in FLAT_TO_NESTED.items() if path != (flat,)}
_FLAT_FIELDS = {**_MOVED, "temperature": "nothing: it was taken away"}
FLAT_SESSION_FIELD = Rule(
    id="flat-session-field",
    severity=Severity.FAIL,
    title="A session has a field of the beta's flat shape",
    why=f"The field is in no session of today: unknown_parameter. {_ONE_BAD}",
    fix="Put it where it stands now; the row names the place",
    looks=both(lambda g: all_of(entry(g, words(*_FLAT_FIELDS)), under(_session(g)))),
    words=tuple(_FLAT_FIELDS),
    instead=_FLAT_FIELDS,
)

_FLAT_IN_RESPONSE = {name: _FLAT_FIELDS[name] for name in ("modalities", "voice", "output_audio_format", "temperature")}
FLAT_RESPONSE_FIELD = Rule(
    id="flat-response-field",
    severity=Severity.FAIL,
    title="A response is asked for with a field of the beta's flat shape",
    why="The field is in no response of today: unknown_parameter, and no answer comes.",
    fix="Put it where it stands now; the row names the place",
    looks=both(
        lambda g: all_of(
            entry(g, words(*_FLAT_IN_RESPONSE)),
            under(all_of(kind(g.object), under(all_of(entry(g, "response"), under(message(g, "response.create")))))),
        )
    ),
    words=tuple(_FLAT_IN_RESPONSE),
    instead=_FLAT_IN_RESPONSE,
)

BOTH_MODALITIES = Rule(
    id="both-modalities",
    severity=Severity.FAIL,
    title="Both text and audio are asked for",
    why="output_modalities holds one of them: invalid_value. Audio answers bring their transcript along.",
    fix='Ask for ["audio"], or for ["text"] alone',
    looks=both(
        lambda g: all_of(
            entry(
                g, "output_modalities", all_of(kind(*g.lists), child(literal(g, "text")), child(literal(g, "audio")))
            ),
            no(elsewhere(g)),
        )
    ),
    words=("output_modalities",),
    edits=(Rewrite(r"\[[^\]]*\]", '["audio"]'),),
)

_FORMATS = {flat: json.dumps(nested) for flat, nested in FORMATS.items()}
FLAT_FORMAT = Rule(
    id="flat-audio-format",
    severity=Severity.FAIL,
    title="An audio format is written as the beta's word",
    why=f"audio.input.format and audio.output.format are objects now: invalid_type. {_ONE_BAD}",
    fix="Write it as an object; the row says how",
    looks=both(
        lambda g: all_of(
            literal(g, *_FORMATS),
            under(
                all_of(
                    entry(g, "format"),
                    under(all_of(kind(g.object), under(all_of(entry(g, "input|output"), within(entry(g, "audio")))))),
                )
            ),
        )
    ),
    words=tuple(_FORMATS),
    instead=_FORMATS,
    edits=tuple(Rewrite(rf"^['\"]{flat}['\"]$", nested) for flat, nested in _FORMATS.items()),
)

PCM_RATE = Rule(
    id="pcm-rate",
    severity=Severity.FAIL,
    title="PCM is declared at a rate that the service does not take",
    why="audio/pcm is 24000 Hz and nothing else: integer_below_min_value. Audio is still taken, and no transcript "
    "comes.",
    fix="Resample to 24000 Hz and declare that; audio of telephones goes up as audio/pcmu or audio/pcma",
    looks=both(
        lambda g: all_of(
            entry(g, "rate", all_of(kind("number" if g is SCRIPT else "integer"), no(looks_like("^24_?000$")))),
            under(object_with(g, entry(g, "type", literal(g, "audio/pcm")))),
        )
    ),
    words=("audio/pcm",),
)

_CAPTURE_RATE = r"^(?:8_?000|11_?025|16_?000|22_?050|32_?000|44_?100|48_?000)$"
_OTHER_RATES = r"(?i)resampl|downsampl|upsampl|soxr|ratecv|g711|pcmu|pcma|24_?000"


def _captures_otherwise(g: Grammar) -> Shape:
    number = all_of(kind("number" if g is SCRIPT else "integer"), looks_like(_CAPTURE_RATE))
    name = "sampleRate" if g is SCRIPT else "samplerate|sample_rate|rate|SAMPLE_RATE|RATE"
    value = one_of(entry(g, name, number), *([] if g is SCRIPT else [_constant(name, number)]))
    words_of_others = one_of(kind("identifier", "number" if g is SCRIPT else "integer", *g.texts))
    return all_of(
        value,
        in_file(literal(g, "input_audio_buffer.append")),
        no(in_file(all_of(words_of_others, looks_like(_OTHER_RATES)))),
    )


def _constant(name: str, number: Shape) -> Shape:
    sides = [{"has": {"field": "left", "regex": f"^(?:{name})$"}}, {"has": {"field": "right", **number}}]
    return {"kind": "assignment", "all": sides}


CAPTURE_RATE = Rule(
    id="capture-rate",
    severity=Severity.WARNING,
    title="Sound is captured at another rate than the service hears",
    why="What goes up as PCM is heard at 24000 Hz, whatever it was captured at: other rates give garbled transcripts "
    "or none. Nothing in this file resamples.",
    fix="Capture at 24000 Hz, or resample before it is sent",
    looks=both(_captures_otherwise),
    words=("input_audio_buffer.append",),
)

_UNDETECTED = tuple(m.id for m in MODELS.values() if m.socket is Socket.TRANSCRIPTION and not m.voice_detection)
VAD_UNSUPPORTED = Rule(
    id="vad-unsupported",
    severity=Severity.FAIL,
    title="Turn detection is set for a model that has none",
    why="With this transcription model turn_detection must be null: invalid_value, at minting already (status 400).",
    fix="Set turn_detection to null and commit by yourself, or take a model that detects turns",
    looks=both(
        lambda g: all_of(
            entry(g, "turn_detection", kind(g.object)),
            under(
                object_with(g, entry(g, "transcription", object_with(g, entry(g, "model", literal(g, *_UNDETECTED)))))
            ),
        )
    ),
    words=_UNDETECTED,
)

ASSISTANT_CONTENT = Rule(
    id="assistant-content-type",
    severity=Severity.FAIL,
    title="An assistant's words are given back under the beta's name",
    why="A content part of an assistant is output_text or output_audio: invalid_value, and the item is not taken.",
    fix="Call it output_text (output_audio for sound); a user's part stays input_text",
    looks=both(
        lambda g: all_of(
            literal(g, *ASSISTANT_PARTS),
            under(
                all_of(
                    entry(g, "type"),
                    within(
                        all_of(
                            entry(g, "content"),
                            under(object_with(g, entry(g, "role", literal(g, "assistant")))),
                            within(message(g, "conversation.item.create")),
                        )
                    ),
                )
            ),
        )
    ),
    words=("conversation.item.create",),
    instead=ASSISTANT_PARTS,
    edits=(SwapWord(),),
)

_TURNS_DETECTED = ("server_vad", "semantic_vad")
COMMIT_WITH_VAD = Rule(
    id="commit-with-vad",
    severity=Severity.WARNING,
    title="Speech is committed by hand while the service detects turns",
    why="The service has committed already when the turn ends: input_audio_buffer_commit_empty.",
    fix="Leave the commit to the service, or set turn_detection to null",
    looks=both(
        lambda g: all_of(
            message(g, "input_audio_buffer.commit"),
            in_file(entry(g, "turn_detection", object_with(g, entry(g, "type", literal(g, *_TURNS_DETECTED))))),
            no(in_file(entry(g, "turn_detection", kind("null" if g is SCRIPT else "none")))),
        )
    ),
    words=("input_audio_buffer.commit",),
)
