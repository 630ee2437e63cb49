"""Rules about the fields of sessions, responses and items. Values only.

Sources: the OpenAPI description of 2026-08; refusals recorded in 2026-09.
"""

from __future__ import annotations

import json

from bridge.protocol.models import MODELS, ModelKind
from bridge.protocol.schema.shapes import AUDIO_FORMATS, FLAT_TO_NESTED, GA_ASSISTANT_PARTS
from probes.lint.languages import SCRIPT, Grammar, Pattern
from probes.lint.rule import ReplaceKeyword, RewriteText, Rule
from probes.lint.rules.patterns import (
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
    string_matching,
)
from reports.model import Severity

_ALL_OR_NOTHING = "One refused field discards the whole update, and the session keeps its defaults."


def _spread_entry(g: Grammar) -> Pattern:
    return kind("spread_element") if g is SCRIPT else kind("dictionary_splat")


def _session_object(g: Grammar) -> Pattern:
    """Match the session object literal of a session.update or of a request for a client secret."""
    of_update = has_parent(all_of(entry(g, "session"), has_parent(message(g, "session.update"))))
    of_call = has_ancestor(call_of(g, matches_regex(r"(?i)(?:\bsession\.update|\bclient_?secrets\.create)$")))
    return all_of(kind(g.object), any_of(of_update, all_of(has_parent(entry(g, "session")), of_call)))


SESSION_TYPE_MISSING = Rule(
    id="session-type-missing",
    severity=Severity.FAIL,
    title="A session update has no type",
    cause=f"session.type is required: missing_required_parameter. {_ALL_OR_NOTHING}",
    fix='Add "type": "realtime" or "type": "transcription" to the session',
    patterns=for_all_languages(
        lambda g: all_of(
            kind(g.object),
            has_parent(all_of(entry(g, "session"), has_parent(message(g, "session.update")))),
            has_child(entry(g, r"\w+")),
            none_of(has_child(entry(g, "type"))),
            none_of(has_child(_spread_entry(g))),
            # A translation session has its type from its URL, and an update of it may name none.
            none_of(file_contains(string_matching(g, "realtime/translations|gpt-realtime-translate"))),
            # The shorthand { type, ... } counts, too.
            *(
                [none_of(has_child(all_of(kind("shorthand_property_identifier"), matches_regex("^type$"))))]
                if g is SCRIPT
                else []
            ),
        )
    ),
    keywords=("session.update",),
)

_MOVED_FIELDS = {flat: ".".join(path) for flat, path in FLAT_TO_NESTED.items() if path != (flat,)}
_FLAT_FIELDS = {**_MOVED_FIELDS, "temperature": "(removed in GA)"}
FLAT_SESSION_FIELD = Rule(
    id="flat-session-field",
    severity=Severity.FAIL,
    title="A session uses a field of the beta's flat shape",
    cause=f"GA sessions don't have this field: unknown_parameter. {_ALL_OR_NOTHING}",
    fix="Move it to the place that the row names",
    patterns=for_all_languages(lambda g: all_of(entry(g, any_word(*_FLAT_FIELDS)), has_parent(_session_object(g)))),
    keywords=tuple(_FLAT_FIELDS),
    replacements=_FLAT_FIELDS,
)

_FLAT_IN_RESPONSE = {name: _FLAT_FIELDS[name] for name in ("modalities", "voice", "output_audio_format", "temperature")}
FLAT_RESPONSE_FIELD = Rule(
    id="flat-response-field",
    severity=Severity.FAIL,
    title="A response is requested with a field of the beta's flat shape",
    cause="GA responses don't have this field: unknown_parameter, and no response is created.",
    fix="Move it to the place that the row names",
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
    title="Both text and audio are requested",
    cause="output_modalities accepts only one of them: invalid_value. Audio responses include their transcript.",
    fix='Request ["audio"], or only ["text"]',
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
    title="An audio format is given as the beta's string",
    cause=f"audio.input.format and audio.output.format are objects in GA: invalid_type. {_ALL_OR_NOTHING}",
    fix="Write it as the object that the row shows",
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
    title="PCM is declared with an unsupported sample rate",
    cause="audio/pcm supports only 24000 Hz: integer_below_min_value. The audio is still accepted, but no "
    "transcript comes.",
    fix="Resample to 24000 Hz and declare that; send telephone audio as audio/pcmu or audio/pcma",
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


def _captures_at_other_rate(g: Grammar) -> Pattern:
    number = all_of(kind("number" if g is SCRIPT else "integer"), matches_regex(_CAPTURE_RATE))
    name = "sampleRate" if g is SCRIPT else "samplerate|sample_rate|rate|SAMPLE_RATE|RATE"
    value = any_of(entry(g, name, number), *([] if g is SCRIPT else [_constant(name, number)]))
    words = any_of(kind("identifier", "number" if g is SCRIPT else "integer", *g.string_kinds))
    return all_of(
        value,
        file_contains(string_literal(g, "input_audio_buffer.append")),
        none_of(file_contains(all_of(words, matches_regex(_OTHER_RATES)))),
    )


def _constant(name: str, number: Pattern) -> Pattern:
    sides = [{"has": {"field": "left", "regex": f"^(?:{name})$"}}, {"has": {"field": "right", **number}}]
    return {"kind": "assignment", "all": sides}


CAPTURE_RATE = Rule(
    id="capture-rate",
    severity=Severity.WARNING,
    title="Audio is captured at a different rate than the service expects",
    cause="The service treats all PCM as 24000 Hz, whatever rate it was captured at: other rates give garbled "
    "transcripts or none. Nothing in this file resamples.",
    fix="Capture at 24000 Hz, or resample before sending",
    patterns=for_all_languages(_captures_at_other_rate),
    keywords=("input_audio_buffer.append",),
)

_MODELS_WITHOUT_VAD = tuple(
    m.id for m in MODELS.values() if m.kind is ModelKind.TRANSCRIPTION and not m.supports_turn_detection
)
VAD_UNSUPPORTED = Rule(
    id="vad-unsupported",
    severity=Severity.FAIL,
    title="Turn detection is set for a model that doesn't support it",
    cause="In a transcription session with this model turn_detection must be null: invalid_value, already when the "
    "client secret is created (status 400). A conversation (type realtime) may have both.",
    fix="Set turn_detection to null and commit yourself, or use a model that detects turns",
    patterns=for_all_languages(
        lambda g: all_of(
            entry(g, "turn_detection", kind(g.object)),
            has_parent(
                object_with(
                    g,
                    entry(
                        g, "transcription", object_with(g, entry(g, "model", string_literal(g, *_MODELS_WITHOUT_VAD)))
                    ),
                )
            ),
            has_ancestor(object_with(g, entry(g, "type", string_literal(g, "transcription")))),
        )
    ),
    keywords=_MODELS_WITHOUT_VAD,
)

ASSISTANT_CONTENT = Rule(
    id="assistant-content-type",
    severity=Severity.FAIL,
    title="Assistant content has the beta's type",
    cause="Content parts of an assistant item are output_text or output_audio: invalid_value, and the item is "
    "rejected.",
    fix="Use output_text (output_audio for audio); a user's part stays input_text",
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

_VAD_TYPES = ("server_vad", "semantic_vad")
COMMIT_WITH_VAD = Rule(
    id="commit-with-vad",
    severity=Severity.WARNING,
    title="Audio is committed by hand while the service detects turns",
    cause="The service commits by itself when the turn ends, so there is nothing left: "
    "input_audio_buffer_commit_empty.",
    fix="Leave the commit to the service, or set turn_detection to null",
    patterns=for_all_languages(
        lambda g: all_of(
            message(g, "input_audio_buffer.commit"),
            file_contains(entry(g, "turn_detection", object_with(g, entry(g, "type", string_literal(g, *_VAD_TYPES))))),
            none_of(file_contains(entry(g, "turn_detection", kind("null" if g is SCRIPT else "none")))),
        )
    ),
    keywords=("input_audio_buffer.commit",),
)
