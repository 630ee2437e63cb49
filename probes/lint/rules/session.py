"""Rules about the fields of sessions, responses and items. Values only.

Sources: the OpenAPI description of 2026-08; refusals recorded in 2026-09.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bridge.protocol.models import MODELS, ModelKind
from bridge.protocol.schema.shapes import AUDIO_FORMATS, FLAT_TO_NESTED, GA_ASSISTANT_PARTS
from probes.lint.analysis.code import string_value
from probes.lint.analysis.sessions import Receiver
from probes.lint.languages import SCRIPT, Grammar, Pattern
from probes.lint.rule import Found, ReplaceKeyword, RewriteText, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    entry,
    file_contains,
    for_all_languages,
    has_ancestor,
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

_ALL_OR_NOTHING = "One refused field discards the whole update, and the session keeps its defaults."
_SESSIONS = (Receiver.UPDATE, Receiver.SECRET)
#: What a file says that gives a session its settings; these themselves may be imported.
_CONFIGURES = ("session.update", "client_secrets", "clientsecrets", "realtime/sessions")


_TRANSLATION = ("realtime/translations", "realtime-translate")


def _untyped_sessions(code: RealtimeCode) -> Iterator[Found]:
    # A translation session has its type from its URL, and an update of it may name none.
    if any(name in code.lowered for name in _TRANSLATION):
        return
    for settings in code.settings_of(Receiver.UPDATE):
        fields = code.values.fields_of(settings.value)
        if code.values.at(settings.value, "audio", "output", "language"):
            continue
        if fields.complete and fields.entries and fields.objects and not fields.named("type"):
            yield Found(fields.objects[0])


SESSION_TYPE_MISSING = Rule(
    id="session-type-missing",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="A session update has no type",
    cause=f"session.type is required: missing_required_parameter. {_ALL_OR_NOTHING}",
    fix='Add "type": "realtime" or "type": "transcription" to the session',
    find=_untyped_sessions,
    keywords=("session.update",),
)

_MOVED_FIELDS = {flat: ".".join(path) for flat, path in FLAT_TO_NESTED.items() if path != (flat,)}
_FLAT_FIELDS = {**_MOVED_FIELDS, "temperature": "(removed in GA)"}


def _flat_session_fields(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(*_SESSIONS, Receiver.BETA_SECRET):
        severity = Severity.WARNING if settings.receiver is Receiver.BETA_SECRET else None
        for each in code.entries_of(settings):
            if each.name in _FLAT_FIELDS:
                yield Found(each.node, severity, each.name)


FLAT_SESSION_FIELD = Rule(
    id="flat-session-field",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="A session uses a field of the beta's flat shape",
    cause=f"GA sessions don't have this field: unknown_parameter. {_ALL_OR_NOTHING}",
    fix="Move it to the place that the row names",
    find=_flat_session_fields,
    keywords=_CONFIGURES,
    replacements=_FLAT_FIELDS,
)

_FLAT_IN_RESPONSE = {name: _FLAT_FIELDS[name] for name in ("modalities", "voice", "output_audio_format", "temperature")}


def _flat_response_fields(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(Receiver.RESPONSE):
        for each in code.values.fields_of(settings.value).entries:
            if each.name in _FLAT_IN_RESPONSE:
                yield Found(each.node, word=each.name)


FLAT_RESPONSE_FIELD = Rule(
    id="flat-response-field",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="A response is requested with a field of the beta's flat shape",
    cause="GA responses don't have this field: unknown_parameter, and no response is created.",
    fix="Move it to the place that the row names",
    find=_flat_response_fields,
    keywords=("response.create",),
    replacements=_FLAT_IN_RESPONSE,
)


def _both_modalities(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(*_SESSIONS, Receiver.RESPONSE):
        for each in code.values.at(settings.value, "output_modalities"):
            if each.value.kind() in code.grammar.list_kinds:
                words = {string_value(item) for item in each.value.children()}
                if {"text", "audio"} <= words:
                    yield Found(each.node)


BOTH_MODALITIES = Rule(
    id="both-modalities",
    severity=Severity.FAIL,
    title="Both text and audio are requested",
    cause="output_modalities accepts only one of them: invalid_value. Audio responses include their transcript.",
    fix='Request ["audio"], or only ["text"]',
    find=_both_modalities,
    keywords=_CONFIGURES,
    autofix=(RewriteText(r"\[[^\]]*\]", '["audio"]'),),
    is_safe=False,
)

_FORMATS = {flat: json.dumps(nested) for flat, nested in AUDIO_FORMATS.items()}


def _flat_formats(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(*_SESSIONS, Receiver.RESPONSE):
        for side in ("input", "output"):
            for each in code.values.at(settings.value, "audio", side, "format"):
                if string_value(each.value) in _FORMATS and each.value.kind() in code.grammar.string_kinds:
                    yield Found(each.value)


FLAT_FORMAT = Rule(
    id="flat-audio-format",
    severity=Severity.FAIL,
    title="An audio format is given as the beta's string",
    cause=f"audio.input.format and audio.output.format are objects in GA: invalid_type. {_ALL_OR_NOTHING}",
    fix="Write it as the object that the row shows",
    find=_flat_formats,
    keywords=_CONFIGURES,
    replacements=_FORMATS,
    autofix=tuple(RewriteText(rf"^['\"]{flat}['\"]$", nested) for flat, nested in _FORMATS.items()),
)


def _other_pcm_rates(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(*_SESSIONS):
        for side in ("input", "output"):
            for each in code.values.at(settings.value, "audio", side, "format"):
                kinds = code.values.at(each.value, "type")
                if any("audio/pcm" in code.values.texts(kind.value) for kind in kinds):
                    yield from _wrong_rates(code, each.value)


def _wrong_rates(code: RealtimeCode, format_: SgNode) -> Iterator[Found]:
    for rate in code.values.at(format_, "rate"):
        if rate.value.kind() in {"number", "integer"} and rate.value.text().replace("_", "") != "24000":
            yield Found(rate.node)


PCM_RATE = Rule(
    id="pcm-rate",
    severity=Severity.FAIL,
    title="PCM is declared with an unsupported sample rate",
    cause="audio/pcm supports only 24000 Hz: integer_below_min_value. The audio is still accepted, but no "
    "transcript comes.",
    fix="Resample to 24000 Hz and declare that; send telephone audio as audio/pcmu or audio/pcma",
    find=_other_pcm_rates,
    keywords=_CONFIGURES,
)

_CAPTURE_RATE = r"^(?:8_?000|11_?025|16_?000|22_?050|32_?000|44_?100|48_?000)$"
_OTHER_RATES = r"(?i)resampl|downsampl|upsampl|soxr|ratecv|g711|pcmu|pcma|24_?000"


def _captures_at_other_rate(g: Grammar) -> Pattern:
    number = all_of(kind("number" if g is SCRIPT else "integer"), matches_regex(_CAPTURE_RATE))
    name = "sampleRate" if g is SCRIPT else "samplerate|sample_rate|rate|SAMPLE_RATE|RATE"
    value = any_of(entry(g, name, number), *([] if g is SCRIPT else [_constant(name, number)]))
    words = any_of(kind("identifier", "number" if g is SCRIPT else "integer", *g.string_kinds))
    # Media types of telephone providers: `audio/l16;rate=16000`.
    declared = string_matching(g, r"^.?['\"`]audio/l16;\s*rate=(?:8000|16000|48000)")
    return all_of(
        any_of(value, declared),
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


def _unsupported_turn_detection(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(*_SESSIONS):
        kinds = [text for each in code.values.at(settings.value, "type") for text in code.values.texts(each.value)]
        models = [
            text
            for each in code.values.at(settings.value, "audio", "input", "transcription", "model")
            for text in code.values.texts(each.value)
        ]
        if kinds == ["transcription"] and models and set(models) <= set(_MODELS_WITHOUT_VAD):
            for each in code.values.at(settings.value, "audio", "input", "turn_detection"):
                if code.values.fields_of(each.value).objects:
                    yield Found(each.node)


VAD_UNSUPPORTED = Rule(
    id="vad-unsupported",
    severity=Severity.FAIL,
    title="Turn detection is set for a model that doesn't support it",
    cause="In a transcription session with this model turn_detection must be null: invalid_value, already when the "
    "client secret is created (status 400). A conversation (type realtime) may have both.",
    fix="Set turn_detection to null and commit yourself, or use a model that detects turns",
    find=_unsupported_turn_detection,
    keywords=_CONFIGURES,
)


def _turn_detection_none(code: RealtimeCode) -> Iterator[Found]:
    for settings in code.settings_of(*_SESSIONS, Receiver.BETA_SECRET):
        for path in (("audio", "input", "turn_detection"), ("turn_detection",)):
            for each in code.values.at(settings.value, *path):
                texts = [text for kind in code.values.at(each.value, "type") for text in code.values.texts(kind.value)]
                if "none" in texts:
                    yield Found(each.node)


TURN_DETECTION_NONE = Rule(
    id="turn-detection-none",
    severity=Severity.FAIL,
    title="Turn detection is switched off with a type that doesn't exist",
    cause=f'There is no type "none": invalid_value. {_ALL_OR_NOTHING}',
    fix="Set turn_detection to null (None in Python)",
    find=_turn_detection_none,
    keywords=_CONFIGURES,
)

ASSISTANT_CONTENT = Rule(
    id="assistant-content-type",
    severity=Severity.FAIL,
    scope=Scope.BETA,
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
