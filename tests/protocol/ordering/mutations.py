"""Every way to break one rule of order in a healthy sequence: rule id -> function from a sequence to broken sequences.

A mutation that finds nothing to break in a sequence gives none. Sequences are server events with ids of their own, in
any dialect. Breaking one rule may break others as well; it always breaks the one it is named after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.protocol.ordering.edits import (
    ADDED,
    FINAL,
    LAST,
    NOBODY,
    OTHER_DIALECT,
    OUT_ADDED,
    STREAMS,
    TEXTS,
    TRANSCRIPTION,
    Events,
    Mutation,
    at_rest,
    changing,
    completed,
    dropping,
    edited,
    ended,
    following,
    inserted,
    is_outside,
    item_of,
    moved,
    name_of,
    opened,
    repeating,
    required_in,
    streams_follow,
    streams_precede,
    turn,
    where,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def _event_before_session(events: Events) -> list[Events]:
    too_early = len(events) > 1 and events[1]["type"] not in {"error", "conversation.created"}
    return [moved(events, 1, 0)] if opened(events) and too_early else []


def _session_of_other_kind(events: Events) -> list[Events]:
    shown = [index for index, event in enumerate(events) if "type" in event.get("session", {})]
    return [edited(events, index, session={"type": "nonsense"}) for index in shown]


def _conversation_created_late(events: Events) -> list[Events]:
    busy = any(name_of(event) in {*ADDED, "response.created"} for event in events)
    late = {"type": "conversation.created", "conversation": {"id": "conv_1"}}
    rest = [event for event in events if event["type"] != "conversation.created"]
    return [inserted(rest, len(rest), late)] if busy and not ended(events) else []


def _event_after_fatal_error(events: Events) -> list[Events]:
    extra = {"type": "rate_limits.updated", "rate_limits": []}
    return [inserted(events, len(events), extra)] if events[-1]["type"] == "error" and ended(events) else []


def _event_after_close(events: Events) -> list[Events]:
    return [inserted(events, len(events), events[1])] if events[-1]["type"] == "session.closed" else []


def _of_other_dialect(events: Events) -> list[Events]:
    known = [index for index, event in enumerate(events) if event["type"] in OTHER_DIALECT]
    return [edited(events, index, type=OTHER_DIALECT[events[index]["type"]]) for index in known]


def _response_in_transcription(events: Events) -> list[Events]:
    opening = events[0]
    ours = (
        opening["type"] == "transcription_session.created" or opening.get("session", {}).get("type") == "transcription"
    )
    response = {"type": "response.created", "response": {"id": "resp_1", "conversation_id": "conv_1"}}
    return [inserted(events, len(events), response)] if ours else []


def _missing_field(events: Events) -> list[Events]:
    return [
        [*events[:index], {key: value for key, value in event.items() if key != name}, *events[index + 1 :]]
        for index, event in enumerate(events)
        for name in sorted(required_in(event["type"]) & event.keys())
    ]


def _event_repeated(events: Events) -> list[Events]:
    return [[*events[: index + 1], *events[index:]] for index in range(len(events))]


def _speech_without_start(events: Events) -> list[Events]:
    stop = "input_audio_buffer.speech_stopped"
    starts = where(events, "input_audio_buffer.speech_started")
    dropped = [without(events, index) for index in starts if following(events, index, stop, item_of(events[index]))]
    return dropped + changing("item_id", NOBODY, "input_audio_buffer.speech_stopped")(events)


def _speech_not_committed(events: Events) -> list[Events]:
    other = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": NOBODY}
    stops = (index for index in where(events, "input_audio_buffer.speech_stopped") if turn(events, index))
    return [inserted(events, index + 1, other) for index in stops]


def _committed_early(events: Events) -> list[Events]:
    stops = [(i, at) for i in where(events, "input_audio_buffer.speech_stopped") if (at := turn(events, i))]
    return [moved(events, at, index) for index, at in stops] + [without(events, index) for index, _ in stops]


def _committed_other(events: Events) -> list[Events]:
    stops = [at for i in where(events, "input_audio_buffer.speech_stopped") if (at := turn(events, i))]
    return [edited(events, at, item_id=NOBODY) for at in stops]


def _committed_missing(events: Events) -> list[Events]:
    commits = [item_of(events[index]) for index in where(events, "input_audio_buffer.committed")]
    return [
        [
            event
            for event in events
            if not (event["type"].startswith("conversation.item.") and item_of(event) == item_id)
        ]
        for item_id in commits
    ]


def _item_before_commit(events: Events) -> list[Events]:
    starts = [at for i in where(events, "input_audio_buffer.speech_started") if (at := turn(events, i))]
    pairs = [(at, new) for at in starts for name in ADDED if (new := following(events, at, name, item_of(events[at])))]
    return [moved(events, new, at) for at, new in pairs]


def _added_twice(events: Events) -> list[Events]:
    # In GA, conversation.item.created may come beside the other two.
    names = ADDED[:1] if any(where(events, ADDED[0])) else ADDED
    return repeating(*names)(events)


def _done_before_added(events: Events) -> list[Events]:
    found = [(i, following(events, i, "conversation.item.done", item_of(events[i]))) for i in where(events, ADDED[0])]
    return [moved(events, done, index) for index, done in found if done]


def _item_never_done(events: Events) -> list[Events]:
    deleted = {item_of(events[index]) for index in where(events, "conversation.item.deleted")}
    written = {item_of(events[index]) for index in where(events, *OUT_ADDED)}
    found = where(events, "conversation.item.done")
    return [without(events, index) for index in found if item_of(events[index]) not in deleted | written]


def _before_output_item(events: Events) -> list[Events]:
    # An MCP item has no status: nothing tells that the model is writing it.
    begun = [i for i in where(events, *OUT_ADDED) if not events[i]["item"]["type"].startswith("mcp_")]
    outputs = [(i, following(events, i, name, item_of(events[i]))) for i in begun for name in ADDED]
    return [moved(events, new, index) for index, new in outputs if new]


def _done_with_open_part(events: Events) -> list[Events]:
    ends = ("response.content_part.done", "response.function_call_arguments.done")
    found = [(i, following(events, i, "conversation.item.done", item_of(events[i]))) for i in where(events, *ends)]
    return [moved(events, done, index) for index, done in found if done and completed(events, index)]


def _unknown_item(events: Events) -> list[Events]:
    about_items = [f"conversation.item.{what}" for what in ("truncated", "deleted", "retrieved")]
    return [edited(events, i, item_id=NOBODY, item={"id": NOBODY}) for i in where(events, *about_items)]


def _truncated_user(events: Events) -> list[Events]:
    users = [item_of(events[i]) for i in where(events, ADDED[0]) if events[i]["item"].get("role") == "user"]
    return [edited(events, i, item_id=users[0]) for i in where(events, "conversation.item.truncated") if users]


def _out_of_band_added(events: Events) -> list[Events]:
    outside = {e["response"]["id"] for e in events if name_of(e) == "response.created" and is_outside(e)}
    found = [i for i in where(events, *OUT_ADDED) if events[i]["response_id"] in outside]
    return [inserted(events, i + 1, {"type": ADDED[0], "item": events[i]["item"]}) for i in found]


def _transcription_open(events: Events) -> list[Events]:
    ends = where(events, f"{TRANSCRIPTION}.completed", f"{TRANSCRIPTION}.failed")
    return [without(events, index) for index in ends]


def _already_active(events: Events) -> list[Events]:
    other = {"type": "response.created", "response": {"id": "resp_other", "conversation_id": "conv_1"}}
    inside = [index for index in where(events, "response.created") if not is_outside(events[index])]
    return [inserted(events, index + 1, other) for index in inside]


def _before_created(events: Events) -> list[Events]:
    found = [i for i in where(events, "response.created") if name_of(events[i + 1]).startswith("response.output_item")]
    return [without(events, index) for index in found]


def _done_before_created(events: Events) -> list[Events]:
    changed = [edited(events, i, response={"id": "resp_other"}) for i in where(events, "response.done")]
    return changed + dropping("response.created")(events)


def _done_in_progress(events: Events) -> list[Events]:
    found = where(events, "response.done")
    return [edited(events, i, response={**events[i]["response"], "status": "in_progress"}) for i in found]


def _done_with_open_item(events: Events) -> list[Events]:
    broken = []
    for index in where(events, "response.output_item.done"):
        ends = [
            i for i in where(events, "response.done") if events[i]["response"]["id"] == events[index]["response_id"]
        ]
        broken += [moved(events, end, index) for end in ends if completed(events, index) and end > index]
    return broken


def _after_done(events: Events) -> list[Events]:
    broken = []
    for end in where(events, "response.done"):
        name = events[end]["response"]["id"]
        inside = [event for event in events[:end] if event.get("response_id") == name and "mcp" not in event["type"]]
        broken += [inserted(events, end + 1, event) for event in inside if "output_index" in event]
    return broken


def _after_item_done(events: Events) -> list[Events]:
    found = [(i, following(events, i, "response.output_item.done", item_of(events[i]))) for i in where(events, *LAST)]
    return [moved(events, done, index) for index, done in found if done]


def _item_done_with_open_part(events: Events) -> list[Events]:
    return [without(events, index) for index in where(events, *LAST) if completed(events, index)]


def _item_id_changed(events: Events) -> list[Events]:
    ours = [i for i, event in enumerate(events) if "response_id" in event and "output_index" in event]
    inside = [i for i in ours if "mcp" not in events[i]["type"]]
    return [
        edited(events, i, item_id=NOBODY)
        if "item_id" in events[i]
        else edited(events, i, item={**events[i]["item"], "id": NOBODY})
        for i in inside
        if name_of(events[i]) not in OUT_ADDED
    ]


def _stream_left_open(events: Events) -> list[Events]:
    found = list(where(events, *(f"{name}.done" for name in STREAMS)))
    begun = [i for i in found if any(name_of(e) == name_of(events[i]).replace(".done", ".delta") for e in events[:i])]
    return [without(events, index) for index in begun]


def _content_without_part(events: Events) -> list[Events]:
    found = [i for i in where(events, "response.content_part.added") if streams_follow(events, i)]
    return [without(events, index) for index in found]


def _content_of_other_kind(events: Events) -> list[Events]:
    other = {"text": "audio", "audio": "text"}
    found = [i for i in where(events, "response.content_part.added") if streams_follow(events, i)]
    kinds = [(i, other[kind]) for i in found if (kind := events[i]["part"]["type"]) in other]
    return [edited(events, i, part={"type": kind}) for i, kind in kinds]


def _text_differs(events: Events) -> list[Events]:
    deltas = where(events, *(f"{name}.delta" for name in TEXTS))
    lost = [without(events, i) for i in deltas if following(events, i, name_of(events[i]).replace(".delta", ".done"))]
    ends = [
        (i, name) for i in where(events, *(f"{name}.done" for name in TEXTS)) for name in FINAL if name in events[i]
    ]
    longer = [edited(events, i, **{name: events[i][name] + "!"}) for i, name in ends]
    parts = [i for i in where(events, "response.content_part.done") if streams_precede(events, i)]
    other_text = [edited(events, i, part={"text": "something else", "transcript": "something else"}) for i in parts]
    return lost + longer + other_text


def _arguments_of_message(events: Events) -> list[Events]:
    calls = [i for i in where(events, *OUT_ADDED) if events[i]["item"]["type"] == "function_call"]
    return [edited(events, i, item={**events[i]["item"], "type": "message"}) for i in calls]


MUTATIONS: Mapping[str, Mutation] = {
    "event-before-session-created": _event_before_session,
    "session-created-twice": lambda events: [inserted(events, 1, events[0])] if opened(events) else [],
    "session-of-other-kind": _session_of_other_kind,
    "session-not-created": lambda _: [[]],
    "conversation-created-twice": repeating("conversation.created"),
    "conversation-created-late": _conversation_created_late,
    "event-after-fatal-error": _event_after_fatal_error,
    "event-after-session-closed": _event_after_close,
    "event-of-other-dialect": _of_other_dialect,
    "response-in-transcription": _response_in_transcription,
    "missing-field": _missing_field,
    "event-id-repeated": _event_repeated,
    "speech-started-twice": repeating("input_audio_buffer.speech_started"),
    "speech-stopped-without-start": _speech_without_start,
    "speech-not-committed": _speech_not_committed,
    "committed-before-speech-stopped": _committed_early,
    "committed-other-item": _committed_other,
    "committed-twice": repeating("input_audio_buffer.committed"),
    "committed-item-missing": at_rest(_committed_missing),
    "item-before-commit": _item_before_commit,
    "item-added-twice": _added_twice,
    "item-done-before-added": _done_before_added,
    "item-done-twice": repeating("conversation.item.done"),
    "item-not-done": at_rest(_item_never_done),
    "item-before-output-item": _before_output_item,
    "item-done-part-open": _done_with_open_part,
    "item-unknown": _unknown_item,
    "truncated-item-not-assistant": _truncated_user,
    "previous-item-unknown": changing(
        "previous_item_id", NOBODY, "input_audio_buffer.committed", *ADDED, "conversation.item.done"
    ),
    "out-of-band-item-added": _out_of_band_added,
    "transcription-unknown-item": changing("item_id", NOBODY, f"{TRANSCRIPTION}.delta", f"{TRANSCRIPTION}.completed"),
    "transcription-after-end": repeating(f"{TRANSCRIPTION}.completed", f"{TRANSCRIPTION}.failed"),
    "transcription-not-ended": at_rest(_transcription_open),
    "response-created-twice": repeating("response.created"),
    "response-already-active": _already_active,
    "event-before-response-created": _before_created,
    "response-done-before-created": _done_before_created,
    "response-done-twice": repeating("response.done"),
    "response-done-in-progress": _done_in_progress,
    "response-done-item-open": _done_with_open_item,
    "response-not-done": at_rest(dropping("response.done")),
    "event-after-response-done": _after_done,
    "output-item-added-twice": repeating(*OUT_ADDED),
    "event-before-output-item": dropping(*OUT_ADDED),
    "event-after-output-item-done": _after_item_done,
    "output-item-done-twice": repeating("response.output_item.done"),
    "output-item-done-part-open": _item_done_with_open_part,
    "item-id-changed": _item_id_changed,
    "call-id-changed": changing(
        "call_id", "call_other", "response.function_call_arguments.delta", "response.function_call_arguments.done"
    ),
    "content-part-added-twice": repeating("response.content_part.added"),
    "content-part-done-twice": repeating("response.content_part.done"),
    "content-part-done-stream-open": _stream_left_open,
    "content-before-part": _content_without_part,
    "content-after-done": repeating(*(f"{name}.done" for name in {*STREAMS, *TEXTS})),
    "content-of-other-kind": _content_of_other_kind,
    "text-differs-from-deltas": _text_differs,
    "arguments-without-call": _arguments_of_message,
}
