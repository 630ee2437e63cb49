"""Hypothesis strategies for clients that do anything at any time.

A `ClientAction` acts on a harness. A `SessionPlan` is the settings of a harness and the actions to run on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st

from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.faults.wire_faults import DuplicateFault, GarbageFault, InvalidUtf8Fault, TruncateFault
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness, base64, speech

if TYPE_CHECKING:
    from bridge.simulator.faults.scenarios import SimulatorScenario

ClientAction: TypeAlias = Callable[[SimulatorHarness], object]

#: Faults that break the order of events, or the frames with the events, on purpose.
BREAKING = (DuplicateFault, TruncateFault, GarbageFault, InvalidUtf8Fault)
ORDERLY = [
    scenario for scenario in SCENARIOS.values() if not any(isinstance(fault, BREAKING) for fault in scenario.faults)
]
SESSION_KINDS = [
    (Dialect.GA, SessionKind.CONVERSATION),
    (Dialect.GA, SessionKind.CONVERSATION),
    (Dialect.BETA, SessionKind.CONVERSATION),
    (Dialect.GA, SessionKind.TRANSCRIPTION),
    (Dialect.BETA, SessionKind.TRANSCRIPTION),
    (Dialect.TRANSLATION, SessionKind.TRANSLATION),
]
TOOL = {"type": "function", "name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}}
MCP_TOOL = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example/sse", "require_approval": "never"}
APPROVED_TOOL = {**MCP_TOOL, "server_label": "more docs", "require_approval": "always"}
_VAD = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200}
TURN_DETECTIONS: list[dict[str, Any] | None] = [
    None,
    _VAD,
    {**_VAD, "create_response": False},
    {**_VAD, "interrupt_response": False, "silence_duration_ms": 500},
    {"type": "semantic_vad", "eagerness": "high"},
]


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """Everything about a session and its client."""

    dialect: Dialect
    kind: SessionKind
    scenario: SimulatorScenario
    behaviour: SessionBehaviour
    seed: int
    early: bool
    """Whether the client sends events before the session is created."""
    actions: tuple[tuple[str, ClientAction], ...]

    def __repr__(self) -> str:
        named = ", ".join(name for name, _ in self.actions)
        return f"Session({self.dialect}, {self.kind}, {self.scenario.name}, {self.behaviour}, {self.seed}, [{named}])"


def run_plan(session: SessionPlan) -> SimulatorHarness:
    """Run a session until it is idle, if it ever is."""
    harness = SimulatorHarness(
        session.kind,
        session.dialect,
        behaviour=session.behaviour,
        faults=session.scenario.faults,
        seed=session.seed,
        open_session=not session.early,
    )
    for _, action in session.actions:
        action(harness)
    harness.send("session.update", session=_update(harness, turn_detection=None))
    harness.wait(30)
    return harness


def _dialect(harness: SimulatorHarness) -> Dialect:
    return harness.setup.dialect


def _update(harness: SimulatorHarness, **flat: Any) -> dict[str, Any]:
    """Convert settings with beta names to the dialect of this session."""
    if _dialect(harness) is Dialect.BETA:
        return flat
    if _dialect(harness) is Dialect.TRANSLATION:
        return {"audio": {"output": {"language": "de"}}}
    audio_input = {
        name: flat[given]
        for given, name in (("turn_detection", "turn_detection"), ("input_audio_transcription", "transcription"))
        if given in flat
    }
    session: dict[str, Any] = {
        "type": "realtime" if harness.setup.kind is SessionKind.CONVERSATION else "transcription"
    }
    if audio_input:
        session["audio"] = {"input": audio_input}
    if "voice" in flat:
        session.setdefault("audio", {})["output"] = {"voice": flat["voice"]}
    if "modalities" in flat:
        session["output_modalities"] = flat["modalities"][:1]
    return {**session, **{name: flat[name] for name in ("tools", "tool_choice") if name in flat}}


def _known_item(harness: SimulatorHarness, pick: int) -> str:
    """Return the id of an item from the events so far, or an unknown id."""
    named = [event.get("item_id") or event.get("item", {}).get("id") for event in harness.events]
    known = [*dict.fromkeys(name for name in named if name), "item_unknown"]
    return str(known[pick % len(known)])


def _about_item(harness: SimulatorHarness, verb: str, pick: int) -> None:
    harness.send(f"conversation.item.{verb}", item_id=_known_item(harness, pick))


def _known_call(harness: SimulatorHarness, pick: int) -> str:
    calls = [event["item"]["call_id"] for event in harness.events if "call_id" in event.get("item", {})]
    known = [*dict.fromkeys(calls), "call_unknown"]
    return str(known[pick % len(known)])


def _append(harness: SimulatorHarness, pcm: bytes) -> None:
    prefix = "session." if harness.setup.kind is SessionKind.TRANSLATION else ""
    harness.send(f"{prefix}input_audio_buffer.append", audio=base64(pcm))


def _respond(harness: SimulatorHarness, response: dict[str, Any], words: list[str] | None) -> None:
    if words is not None:
        beta = _dialect(harness) is Dialect.BETA
        response = {**response, "modalities" if beta else "output_modalities": words if beta else words[:1]}
    harness.send("response.create", response=response)


def _tool_output(harness: SimulatorHarness, pick: int) -> None:
    output = {"type": "function_call_output", "call_id": _known_call(harness, pick), "output": "{}"}
    harness.send("conversation.item.create", item=output)


def _approve(harness: SimulatorHarness, pick: int) -> None:
    answer = {"approval_request_id": _known_item(harness, pick), "approve": pick % 3 > 0}
    harness.send("conversation.item.create", item={"type": "mcp_approval_response", **answer})


picks = st.integers(0, 40)
modalities = st.sampled_from([["text"], ["audio", "text"]])
settings_changes = st.one_of(
    st.sampled_from(TURN_DETECTIONS).map(lambda found: {"turn_detection": found}),
    st.sampled_from(["alloy", "cedar"]).map(lambda voice: {"voice": voice}),
    modalities.map(lambda words: {"modalities": words}),
    st.sampled_from(["auto", "required", "none"]).map(lambda choice: {"tools": [TOOL], "tool_choice": choice}),
    st.sampled_from([MCP_TOOL, APPROVED_TOOL]).map(lambda tool: {"tools": [tool], "tool_choice": "required"}),
    st.sampled_from(["whisper-1", "gpt-4o-transcribe"]).map(lambda m: {"input_audio_transcription": {"model": m}}),
    st.just({"turn_detection": "nonsense"}),
)
responses = st.sampled_from(
    [
        {},
        {"conversation": "none"},
        {"conversation": "none", "input": [], "metadata": {"topic": "aside"}},
        {"tools": [TOOL], "tool_choice": "required"},
        {"conversation": "none", "tools": [TOOL], "tool_choice": "required"},
        {"unknown": 1},
    ]
)
WRONG_FRAMES: list[str | bytes] = [b"\x00", "{", "[]", '{"type": "ping"}', '{"type": "conversation.item.create"}']


def _named(name: str, strategy: st.SearchStrategy[ClientAction]) -> st.SearchStrategy[tuple[str, ClientAction]]:
    return strategy.map(lambda action: (name, action))


_WAITS = _named(
    "wait", st.sampled_from([0.03, 0.3, 1.5, 8.0, 0.0]).map(lambda seconds: lambda harness: harness.wait(seconds))
)
_RESPONSES = _named(
    "respond", st.builds(lambda r, m: lambda harness: _respond(harness, r, m), responses, st.none() | modalities)
)
#: Waits and responses are listed more than once, because without them little happens.
ACTIONS: st.SearchStrategy[tuple[str, ClientAction]] = st.one_of(
    _WAITS,
    _RESPONSES,
    _WAITS,
    _named("type", st.sampled_from(["Hi", "the weather?"]).map(lambda text: lambda harness: harness.type(text))),
    _RESPONSES,
    _named("speak", st.integers(1, 60).map(lambda n: lambda harness: _append(harness, speech(n * 20)))),
    _named("be quiet", st.integers(1, 60).map(lambda n: lambda harness: _append(harness, silence(n * 20 + 5)))),
    _named("say", st.just(lambda harness: _append(harness, speech(400) + silence(600) + speech(200)))),
    _named("commit", st.just(lambda harness: harness.send("input_audio_buffer.commit"))),
    _named("clear", st.just(lambda harness: harness.send("input_audio_buffer.clear"))),
    _named("cancel", st.just(lambda harness: harness.send("response.cancel"))),
    _named(
        "truncate",
        st.builds(
            lambda pick, end: (
                lambda harness: harness.send(
                    "conversation.item.truncate", item_id=_known_item(harness, pick), content_index=0, audio_end_ms=end
                )
            ),
            picks,
            st.sampled_from([0, 50, 100, 100_000]),
        ),
    ),
    _named("delete", picks.map(lambda pick: lambda harness: _about_item(harness, "delete", pick))),
    _named("retrieve", picks.map(lambda pick: lambda harness: _about_item(harness, "retrieve", pick))),
    _named(
        "update",
        settings_changes.map(
            lambda change: lambda harness: harness.send("session.update", session=_update(harness, **change))
        ),
    ),
    _named("approve", picks.map(lambda pick: lambda harness: _approve(harness, pick))),
    _named("tool output", picks.map(lambda pick: lambda harness: _tool_output(harness, pick))),
    _named("wrong", st.sampled_from(WRONG_FRAMES).map(lambda frame: lambda harness: harness.frame(frame))),
    _WAITS,
)

behaviours = st.builds(
    lambda pace, limits, announced, obfuscation: replace(
        SessionBehaviour(), pace=pace, rate_limits=limits, conversation_created=announced, obfuscation=obfuscation
    ),
    st.sampled_from([1.0, 10.0]),
    st.sampled_from(["after", "before", "never"]),
    st.booleans(),
    st.booleans(),
)
sessions = st.builds(
    lambda setup, scenario, behaviour, seed, early, actions: SessionPlan(
        setup[0], setup[1], scenario, behaviour, seed, early, tuple(actions)
    ),
    st.sampled_from(SESSION_KINDS),
    st.booleans().flatmap(lambda good: st.just(SCENARIOS["good"]) if good else st.sampled_from(ORDERLY)),
    behaviours,
    st.integers(0, 1_000),
    st.booleans(),
    st.lists(ACTIONS, min_size=10, max_size=30),
)
#: Sessions in the healthy scenario, which never end early.
healthy_sessions = sessions.map(lambda session: replace(session, scenario=SCENARIOS["good"]))
