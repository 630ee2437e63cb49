"""Healthy sessions, event by event, as servers send them: written by hand after recordings and descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect, SessionKind
from tests.protocol.ordering.event_samples import (
    LIMITS,
    UPDATED,
    Event,
    added,
    called,
    committed,
    created,
    done,
    event,
    heard,
    in_beta,
    item,
    numbered,
    session_created,
    spoken,
    transcribed,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class ValidSequence:
    """A sequence that no rule may object to."""

    dialect: Dialect
    kind: SessionKind
    events: tuple[Event, ...]


def _text_turn() -> list[Event]:
    return [
        session_created(),
        UPDATED,
        *added(item("item_u1")),
        created("resp_1"),
        *written("resp_1", "item_a1", ["Good", " morning", "."]),
        done("resp_1"),
        LIMITS,
    ]


def _vad_turn() -> list[Event]:
    return [
        session_created(),
        *heard("item_u1"),
        created("resp_1"),
        *spoken("resp_1", "item_a1", ["Hello", " there"]),
        *transcribed("item_u1", "hi", " you"),
        done("resp_1"),
        LIMITS,
        *heard("item_u2", "item_a1"),
        *transcribed("item_u2", "bye"),
        LIMITS,
        created("resp_2"),
        *spoken("resp_2", "item_a2", ["Bye"]),
        done("resp_2"),
    ]


def _barge_in() -> list[Event]:
    """The user interrupts: the response is cancelled with its part left open, and what was said is truncated."""
    begun = spoken("resp_1", "item_a1", ["A", " long", " story"])
    return [
        session_created(),
        *heard("item_u1"),
        created("resp_1"),
        *begun[:5],
        event("input_audio_buffer.speech_started", audio_start_ms=2000, item_id="item_u2"),
        done("resp_1", "cancelled"),
        event("conversation.item.truncated", item_id="item_a1", content_index=0, audio_end_ms=300),
        *heard("item_u2", "item_a1")[1:],
    ]


def _cancel() -> list[Event]:
    """The client cancels: what is open still gets its done events, as incomplete."""
    begun = written("resp_1", "item_a1", ["One", " two"])
    ended = item("item_a1", "assistant", "incomplete")
    return [
        session_created(),
        *added(item("item_u1")),
        created("resp_1"),
        *begun[:-2],
        event("conversation.item.done", item=ended),
        event("response.output_item.done", item=ended, response_id="resp_1", output_index=0),
        done("resp_1", "cancelled"),
        event("error", error={"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "-"}),
    ]


def _function_call() -> list[Event]:
    output = {"id": "item_o1", "type": "function_call_output", "call_id": "call_1", "output": "{}"}
    return [
        session_created(),
        *added(item("item_u1")),
        created("resp_1"),
        *called("resp_1", "item_c1", "call_1", ['{"city":', '"Rome"}']),
        done("resp_1"),
        LIMITS,
        *added(output, "item_c1"),
        created("resp_2"),
        *written("resp_2", "item_a1", ["Sunny"]),
        done("resp_2"),
    ]


def _commentary() -> list[Event]:
    """Two items in one response: spoken commentary, and a call that begins before it ends; then two messages."""
    output = {"id": "item_o1", "type": "function_call_output", "call_id": "call_1", "output": "{}"}
    said = spoken("resp_1", "item_a1", ["One", " moment"])
    call = called("resp_1", "item_c1", "call_1", ["{}"], index=1)
    return [
        session_created(),
        *heard("item_u1"),
        created("resp_1"),
        *said[:-5],
        *call[:3],
        *said[-5:],
        *call[3:],
        done("resp_1"),
        *added(output, "item_c1"),
        created("resp_2"),
        *spoken("resp_2", "item_a2", ["I", " see"]),
        *spoken("resp_2", "item_a3", ["It", " rains"], index=1),
        done("resp_2"),
    ]


def _out_of_band() -> list[Event]:
    """A response beside the conversation, interleaved with one on it."""
    main = written("resp_1", "item_a1", ["Hello"])
    aside = written("resp_2", "item_x1", ["sports"], in_conversation=False)
    return [
        session_created(),
        event("conversation.created", conversation={"id": "conv_1"}),
        *added(item("item_u1")),
        created("resp_1"),
        *main[:4],
        created("resp_2", None),
        *aside[:3],
        *main[4:],
        *aside[3:],
        done("resp_2"),
        done("resp_1"),
    ]


def _everything_optional() -> list[Event]:
    """What only some servers or some sessions send, and places where recordings and descriptions differ."""
    failed = {"type": "transcription_error", "message": "-"}
    return [
        session_created(),
        event("conversation.created", conversation={"id": "conv_1"}),
        event("mcp_list_tools.in_progress", item_id="item_m1"),
        event("mcp_list_tools.completed", item_id="item_m1"),
        event("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_u0"),
        event("input_audio_buffer.cleared"),
        event("input_audio_buffer.speech_stopped", audio_end_ms=90, item_id="item_u0"),
        event("input_audio_buffer.timeout_triggered", audio_start_ms=0, audio_end_ms=6000, item_id="item_u1"),
        event("input_audio_buffer.committed", item_id="item_u1", previous_item_id=None),
        event("conversation.item.input_audio_transcription.delta", item_id="item_u1", delta="h"),
        event("conversation.item.added", item=item("item_u1")),
        event("conversation.item.created", item=item("item_u1")),
        event("conversation.item.done", item=item("item_u1")),
        LIMITS,
        created("resp_1"),
        event("output_audio_buffer.started", response_id="resp_1"),
        event("something.new", response_id="resp_9"),
        done("resp_1", "failed"),
        event("conversation.item.input_audio_transcription.failed", item_id="item_u1", content_index=0, error=failed),
        event("conversation.item.retrieved", item=item("item_u1")),
        event("conversation.item.deleted", item_id="item_u1"),
        created("resp_2"),
        *written("resp_2", "item_a1", [])[:3],
        done("resp_2", "incomplete"),
        *written("resp_2", "item_a1", [])[-2:-1],
        event("session.updated", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}),
        event("input_audio_buffer.dtmf_event_received", event="5", received_at=1),
    ]


def _transcription(opening: Event, updated: Event) -> list[Event]:
    return [opening, updated, *committed("item_1"), *transcribed("item_1", "to", " be"), *committed("item_2", "item_1")]


def _translation() -> list[Event]:
    return [
        event("session.created", session={"type": "translation", "id": "sess_1"}),
        event("session.updated", session={"type": "translation"}),
        event("session.input_transcript.delta", delta="hallo"),
        event("session.output_transcript.delta", delta="hello"),
        event("session.output_audio.delta", delta="AAAA"),
        event("session.closed"),
    ]


def _refused() -> list[Event]:
    return [event("error", error={"type": "invalid_request_error", "code": "invalid_api_key", "message": "-"})]


def _expired() -> list[Event]:
    expired = event("error", error={"type": "invalid_request_error", "code": "session_expired", "message": "-"})
    return [*_text_turn(), expired]


def _healthy(dialect: Dialect, kind: SessionKind, make: Callable[[], list[Event]]) -> ValidSequence:
    return ValidSequence(dialect, kind, numbered(make()))


VALID_SEQUENCES: Mapping[str, ValidSequence] = {
    "text turn": _healthy(Dialect.GA, SessionKind.CONVERSATION, _text_turn),
    "two turns by voice": _healthy(Dialect.GA, SessionKind.CONVERSATION, _vad_turn),
    "barge-in": _healthy(Dialect.GA, SessionKind.CONVERSATION, _barge_in),
    "manual commit": _healthy(
        Dialect.GA, SessionKind.CONVERSATION, lambda: [session_created(), *committed("item_u1"), *committed("item_u2")]
    ),
    "cancelled": _healthy(Dialect.GA, SessionKind.CONVERSATION, _cancel),
    "function call": _healthy(Dialect.GA, SessionKind.CONVERSATION, _function_call),
    "commentary": _healthy(Dialect.GA, SessionKind.CONVERSATION, _commentary),
    "out of band": _healthy(Dialect.GA, SessionKind.CONVERSATION, _out_of_band),
    "everything optional": _healthy(Dialect.GA, SessionKind.CONVERSATION, _everything_optional),
    "refused": _healthy(Dialect.GA, SessionKind.CONVERSATION, _refused),
    "expired": _healthy(Dialect.GA, SessionKind.CONVERSATION, _expired),
    "transcription": _healthy(
        Dialect.GA,
        SessionKind.TRANSCRIPTION,
        lambda: _transcription(
            session_created("transcription"), event("session.updated", session={"type": "transcription"})
        ),
    ),
    "translation": _healthy(Dialect.TRANSLATION, SessionKind.TRANSLATION, _translation),
    "beta text turn": _healthy(Dialect.BETA, SessionKind.CONVERSATION, lambda: in_beta(_text_turn())),
    "beta turns by voice": _healthy(Dialect.BETA, SessionKind.CONVERSATION, lambda: in_beta(_vad_turn())),
    "beta function call": _healthy(Dialect.BETA, SessionKind.CONVERSATION, lambda: in_beta(_function_call())),
    "beta transcription": _healthy(
        Dialect.BETA,
        SessionKind.TRANSCRIPTION,
        lambda: in_beta(
            _transcription(
                event("transcription_session.created", session={}), event("transcription_session.updated", session={})
            )
        ),
    ),
}
