from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect
from bridge.protocol.events import tables
from bridge.protocol.events.fields import (
    CLIENT_EVENTS,
    OBSERVED_ACCEPTED_TYPES,
    SERVER_EVENTS,
    EventFields,
    missing_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTS = {Dialect.BETA: (12, 35), Dialect.GA: (11, 46), Dialect.TRANSLATION: (3, 7)}
Fields = dict[str, tuple[frozenset[str], frozenset[str]]]

#: What only the published description knows: the SDK's beta union leaves this event out.
NOT_IN_SDK = {"transcription_session.created"}
UNIONS = {
    (Dialect.BETA, True): "beta.realtime.realtime_server_event.RealtimeServerEvent",
    (Dialect.BETA, False): "beta.realtime.realtime_client_event.RealtimeClientEvent",
    (Dialect.GA, True): "realtime.realtime_server_event.RealtimeServerEvent",
    (Dialect.GA, False): "realtime.realtime_client_event.RealtimeClientEvent",
    (Dialect.TRANSLATION, True): "realtime.realtime_translation_server_event.RealtimeTranslationServerEvent",
    (Dialect.TRANSLATION, False): "realtime.realtime_translation_client_event.RealtimeTranslationClientEvent",
}


def fields_of_the_sdk(union: str) -> Fields:
    module, _, name = union.rpartition(".")
    members = get_args(get_args(getattr(import_module(f"openai.types.{module}"), name))[0])
    return dict(fields_of(member) for member in members)


def fields_of(member: Any) -> tuple[str, tuple[frozenset[str], frozenset[str]]]:
    fields = member.model_fields
    (name,) = get_args(fields["type"].annotation)
    required = frozenset(field for field, info in fields.items() if info.is_required())
    return name, (required, frozenset(fields) - required)


def plain(events: Mapping[str, EventFields]) -> Fields:
    return {name: (event.required, event.optional) for name, event in events.items()}


@pytest.mark.parametrize("dialect", Dialect)
def test_no_event_is_missing_and_none_is_there_twice(dialect: Dialect) -> None:
    assert (len(CLIENT_EVENTS[dialect]), len(SERVER_EVENTS[dialect])) == COUNTS[dialect]
    rows = {
        Dialect.BETA: tables.BETA_CLIENT + tables.BETA_SERVER,
        Dialect.GA: tables.GA_CLIENT + tables.GA_SERVER,
        Dialect.TRANSLATION: tables.TRANSLATION_CLIENT + tables.TRANSLATION_SERVER,
    }[dialect]
    written = [name for name, _, _ in rows]
    assert len(written) == sum(COUNTS[dialect])
    assert sorted(written) == sorted([*CLIENT_EVENTS[dialect], *SERVER_EVENTS[dialect]])


@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "from_server"), UNIONS)
def test_the_tables_agree_with_the_official_sdk(dialect: Dialect, *, from_server: bool) -> None:
    ours = plain((SERVER_EVENTS if from_server else CLIENT_EVENTS)[dialect])
    theirs = fields_of_the_sdk(UNIONS[dialect, from_server])
    for name in NOT_IN_SDK & ours.keys() - theirs.keys():
        del ours[name]
    assert ours == theirs


def test_every_event_of_the_server_has_an_id_but_one() -> None:
    without = {
        name for events in SERVER_EVENTS.values() for name, event in events.items() if "event_id" not in event.required
    }
    assert without == {"input_audio_buffer.dtmf_event_received"}


def test_every_event_of_the_client_may_have_an_id() -> None:
    for events in CLIENT_EVENTS.values():
        for event in events.values():
            assert "event_id" in event.optional
            assert "type" in event.required


def test_the_two_added_events_are_there_with_their_fields() -> None:
    created = SERVER_EVENTS[Dialect.BETA]["transcription_session.created"]
    assert (created.required, created.optional) == (frozenset({"event_id", "type", "session"}), frozenset())
    segment = SERVER_EVENTS[Dialect.GA]["conversation.item.input_audio_transcription.segment"]
    assert segment.required - {"event_id", "type"} == {
        "content_index",
        "end",
        "id",
        "item_id",
        "speaker",
        "start",
        "text",
    }


def test_the_live_service_accepts_twelve_types_and_only_known_ones() -> None:
    assert len(OBSERVED_ACCEPTED_TYPES) == 12
    known = CLIENT_EVENTS[Dialect.GA].keys() | CLIENT_EVENTS[Dialect.TRANSLATION].keys()
    assert set(OBSERVED_ACCEPTED_TYPES) <= known
    assert CLIENT_EVENTS[Dialect.GA].keys() - set(OBSERVED_ACCEPTED_TYPES) == {"output_audio_buffer.clear"}


@pytest.mark.parametrize("name", ["ping", "transcription_session.create"])
def test_there_is_no_such_event(name: str) -> None:
    assert not any(name in events for events in (*CLIENT_EVENTS.values(), *SERVER_EVENTS.values()))


def test_no_old_name_of_a_delta_is_left_in_ga() -> None:
    old = {name for name in BETA_TO_GA if name.startswith(("response.", "transcription_session."))}
    assert not old & (SERVER_EVENTS[Dialect.GA].keys() | CLIENT_EVENTS[Dialect.GA].keys())


@pytest.mark.parametrize(
    ("event", "from_server", "missing"),
    [
        ({"type": "response.cancel"}, False, set()),
        ({"type": "input_audio_buffer.append"}, False, {"audio"}),
        ({"type": "input_audio_buffer.append", "audio": None}, False, set()),
        ({"type": "conversation.item.truncate", "item_id": "i"}, False, {"content_index", "audio_end_ms"}),
        ({"type": "error", "error": {}}, True, {"event_id"}),
        ({"type": "error", "event_id": "e", "error": {}, "extra": 1}, True, set()),
        ({"type": "response.done", "event_id": "e"}, True, {"response"}),
        ({"type": "vendor.extra"}, True, set()),
        ({"type": "response.done"}, False, set()),
        ({"event_id": "e"}, True, {"type"}),
        ({"type": 4}, True, {"type"}),
    ],
)
def test_missing_fields_are_named(event: dict[str, object], missing: set[str], *, from_server: bool) -> None:
    assert missing_fields(event, Dialect.GA, from_server=from_server) == missing


def test_the_same_event_can_need_more_in_another_dialect() -> None:
    event = {
        "type": "response.function_call_arguments.done",
        "event_id": "e",
        "arguments": "{}",
        "call_id": "c",
        "item_id": "i",
        "output_index": 0,
        "response_id": "r",
    }
    assert missing_fields(event, Dialect.BETA, from_server=True) == set()
    assert missing_fields(event, Dialect.GA, from_server=True) == {"name"}


def test_the_tables_are_python_and_read_no_file() -> None:
    tree = ast.parse(Path(tables.__file__).read_text(encoding="utf-8"))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [getattr(node, "module", None) for node in imported] == ["__future__"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
