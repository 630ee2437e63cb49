"""Rules about what a session, response or item may hold. Values only; see `rules.py`.

Facts: the published description of 2026-08; refusals as recorded in 2026-09.
"""

from __future__ import annotations

import json

from bridge.protocol.models import MODELS, ModelKind
from bridge.protocol.schema.shapes import AUDIO_FORMATS, FLAT_TO_NESTED, GA_ASSISTANT_PARTS
from probes.lint.rule import Pattern, ReplaceKeyword, RewriteText, Rule
from probes.lint.rules.patterns import (
    SCRIPT,
    Grammar,
    all_of,
    any_of,
    any_word,
    call_of,
    entry,
    file_contains,
    file_names_other_service,
    for_all_languages,
    has_ancestor,
    has_child,
    has_parent,
    kind,
    matches_regex,
    message,
    none_of,
    object_with,
    string_literal,
)
from reports.model import Severity

_ONE_BAD = "One field that is refused makes the service drop the whole update: it goes on with its defaults."


def _spread(g: Grammar) -> Pattern:
    return kind("spread_element") if g is SCRIPT else kind("dictionary_splat")


def _session(g: Grammar) -> Pattern:
    """The session object of an update or of minting, written out where it is sent."""
    of_update = has_parent(all_of(entry(g, "session"), has_parent(message(g, "session.update"))))
    of_call = has_ancestor(call_of(g, matches_regex(r"(?i)(?:\bsession\.update|\bclient_?secrets\.create)$")))
    return all_of(kind(g.object), any_of(of_update, all_of(has_parent(entry(g, "session")), of_call)))


SESSION_TYPE_MISSING = Rule(
    id="session-type-missing",
    severity=Severity.FAIL,
    title="A session update does not say its type",
    cause=f"session.type is required: missing_required_parameter. {_ONE_BAD}",
    fix='Say it first: "type": "realtime", or "transcription"',
    patterns=for_all_languages(
        lambda g: all_of(
            kind(g.object),
            has_parent(all_of(entry(g, "session"), has_parent(message(g, "session.update")))),
            has_child(entry(g, r"\w+")),
            none_of(has_child(entry(g, "type"))),
            none_of(has_child(_spread(g))),
            # `type` alone, as in { type, ... }: it is there.
            *(
                [none_of(has_child(all_of(kind("shorthand_property_identifier"), matches_regex("^type$"))))]
                if g is SCRIPT
                else []
            ),
        )
    ),
    keywords=("session.update",),
)

_MOVED = {flat: ".".join(path) for flat, path in FLAT_TO_NESTED.items() if path != (flat,)}
_FLAT_FIELDS = {**_MOVED, "temperature": "nothing: it was taken away"}
FLAT_SESSION_FIELD = Rule(
    id="flat-session-field",
    severity=Severity.FAIL,
    title="A session has a field of the beta's flat shape",
    cause=f"The field is in no session of today: unknown_parameter. {_ONE_BAD}",
    fix="Put it where it stands now; the row names the place",
    patterns=for_all_languages(lambda g: all_of(entry(g, any_word(*_FLAT_FIELDS)), has_parent(_session(g)))),
    keywords=tuple(_FLAT_FIELDS),
    replacements=_FLAT_FIELDS,
)

_FLAT_IN_RESPONSE = {name: _FLAT_FIELDS[name] for name in ("modalities", "voice", "output_audio_format", "temperature")}
FLAT_RESPONSE_FIELD = Rule(
    id="flat-response-field",
    severity=Severity.FAIL,
    title="A response is asked for with a field of the beta's flat shape",
    cause="The field is in no response of today: unknown_parameter, and no answer comes.",
    fix="Put it where it stands now; the row names the place",
    patterns=for_all_languages(
        lambda g: all_of(
            entry(g, any_word(*_FLAT_IN_RESPONSE)),
            has_parent(
                all_of(
                    kind(g.object), has_parent(all_of(entry(g, "response"), has_parent(message(g, "response.create"))))
                )
            ),
        )
    ),
    keywords=tuple(_FLAT_IN_RESPONSE),
    replacements=_FLAT_IN_RESPONSE,
)

BOTH_MODALITIES = Rule(
    id="both-modalities",
    severity=Severity.FAIL,
    title="Both text and audio are asked for",
    cause="output_modalities holds one of them: invalid_value. Audio answers bring their transcript along.",
    fix='Ask for ["audio"], or for ["text"] alone',
    patterns=for_all_languages(
        lambda g: all_of(
            entry(
                g,
                "output_modalities",
                all_of(
                    kind(*g.list_kinds), has_child(string_literal(g, "text")), has_child(string_literal(g, "audio"))
                ),
            ),
            none_of(file_names_other_service(g)),
        )
    ),
    keywords=("output_modalities",),
    autofix=(RewriteText(r"\[[^\]]*\]", '["audio"]'),),
)

_FORMATS = {flat: json.dumps(nested) for flat, nested in AUDIO_FORMATS.items()}
FLAT_FORMAT = Rule(
    id="flat-audio-format",
    severity=Severity.FAIL,
    title="An audio format is written as the beta's word",
    cause=f"audio.input.format and audio.output.format are objects now: invalid_type. {_ONE_BAD}",
    fix="Write it as an object; the row says how",
    patterns=for_all_languages(
        lambda g: all_of(
            string_literal(g, *_FORMATS),
            has_parent(
                all_of(
                    entry(g, "format"),
                    has_parent(
                        all_of(
                            kind(g.object),
                            has_parent(all_of(entry(g, "input|output"), has_ancestor(entry(g, "audio")))),
                        )
                    ),
                )
            ),
        )
    ),
    keywords=tuple(_FORMATS),
    replacements=_FORMATS,
    autofix=tuple(RewriteText(rf"^['\"]{flat}['\"]$", nested) for flat, nested in _FORMATS.items()),
)

PCM_RATE = Rule(
    id="pcm-rate",
    severity=Severity.FAIL,
    title="PCM is declared at a rate that the service does not take",
    cause="audio/pcm is 24000 Hz and nothing else: integer_below_min_value. Audio is still taken, and no transcript "
    "comes.",
    fix="Resample to 24000 Hz and declare that; audio of telephones goes up as audio/pcmu or audio/pcma",
    patterns=for_all_languages(
        lambda g: all_of(
            entry(g, "rate", all_of(kind("number" if g is SCRIPT else "integer"), none_of(matches_regex("^24_?000$")))),
            has_parent(object_with(g, entry(g, "type", string_literal(g, "audio/pcm")))),
        )
    ),
    keywords=("audio/pcm",),
)

_CAPTURE_RATE = r"^(?:8_?000|11_?025|16_?000|22_?050|32_?000|44_?100|48_?000)$"
_OTHER_RATES = r"(?i)resampl|downsampl|upsampl|soxr|ratecv|g711|pcmu|pcma|24_?000"


def _captures_otherwise(g: Grammar) -> Pattern:
    number = all_of(kind("number" if g is SCRIPT else "integer"), matches_regex(_CAPTURE_RATE))
    name = "sampleRate" if g is SCRIPT else "samplerate|sample_rate|rate|SAMPLE_RATE|RATE"
    value = any_of(entry(g, name, number), *([] if g is SCRIPT else [_constant(name, number)]))
    words_of_others = any_of(kind("identifier", "number" if g is SCRIPT else "integer", *g.string_kinds))
    return all_of(
        value,
        file_contains(string_literal(g, "input_audio_buffer.append")),
        none_of(file_contains(all_of(words_of_others, matches_regex(_OTHER_RATES)))),
    )


def _constant(name: str, number: Pattern) -> Pattern:
    sides = [{"has": {"field": "left", "regex": f"^(?:{name})$"}}, {"has": {"field": "right", **number}}]
    return {"kind": "assignment", "all": sides}


CAPTURE_RATE = Rule(
    id="capture-rate",
    severity=Severity.WARNING,
    title="Sound is captured at another rate than the service hears",
    cause="What goes up as PCM is heard at 24000 Hz, whatever it was captured at: other rates give garbled transcripts "
    "or none. Nothing in this file resamples.",
    fix="Capture at 24000 Hz, or resample before it is sent",
    patterns=for_all_languages(_captures_otherwise),
    keywords=("input_audio_buffer.append",),
)

_UNDETECTED = tuple(
    m.id for m in MODELS.values() if m.kind is ModelKind.TRANSCRIPTION and not m.supports_turn_detection
)
VAD_UNSUPPORTED = Rule(
    id="vad-unsupported",
    severity=Severity.FAIL,
    title="Turn detection is set for a model that has none",
    cause="With this transcription model turn_detection must be null: invalid_value, at minting already (status 400).",
    fix="Set turn_detection to null and commit by yourself, or take a model that detects turns",
    patterns=for_all_languages(
        lambda g: all_of(
            entry(g, "turn_detection", kind(g.object)),
            has_parent(
                object_with(
                    g, entry(g, "transcription", object_with(g, entry(g, "model", string_literal(g, *_UNDETECTED))))
                )
            ),
        )
    ),
    keywords=_UNDETECTED,
)

ASSISTANT_CONTENT = Rule(
    id="assistant-content-type",
    severity=Severity.FAIL,
    title="An assistant's words are given back under the beta's name",
    cause="A content part of an assistant is output_text or output_audio: invalid_value, and the item is not taken.",
    fix="Call it output_text (output_audio for sound); a user's part stays input_text",
    patterns=for_all_languages(
        lambda g: all_of(
            string_literal(g, *GA_ASSISTANT_PARTS),
            has_parent(
                all_of(
                    entry(g, "type"),
                    has_ancestor(
                        all_of(
                            entry(g, "content"),
                            has_parent(object_with(g, entry(g, "role", string_literal(g, "assistant")))),
                            has_ancestor(message(g, "conversation.item.create")),
                        )
                    ),
                )
            ),
        )
    ),
    keywords=("conversation.item.create",),
    replacements=GA_ASSISTANT_PARTS,
    autofix=(ReplaceKeyword(),),
)

_TURNS_DETECTED = ("server_vad", "semantic_vad")
COMMIT_WITH_VAD = Rule(
    id="commit-with-vad",
    severity=Severity.WARNING,
    title="Speech is committed by hand while the service detects turns",
    cause="The service has committed already when the turn ends: input_audio_buffer_commit_empty.",
    fix="Leave the commit to the service, or set turn_detection to null",
    patterns=for_all_languages(
        lambda g: all_of(
            message(g, "input_audio_buffer.commit"),
            file_contains(
                entry(g, "turn_detection", object_with(g, entry(g, "type", string_literal(g, *_TURNS_DETECTED))))
            ),
            none_of(file_contains(entry(g, "turn_detection", kind("null" if g is SCRIPT else "none")))),
        )
    ),
    keywords=("input_audio_buffer.commit",),
)
