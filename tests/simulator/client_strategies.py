"""Clients that do anything at any time, as hypothesis strategies: what a session must survive in good order.

No test by itself. An `Callback` acts on a player; a `Session` is a player's settings and the actions to play on it.
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

Action: TypeAlias = Callable[[SimulatorHarness], object]

#: Faults whose very purpose is to break the order of events, or the frames that carry them.
BREAKING = (DuplicateFault, TruncateFault, GarbageFault, InvalidUtf8Fault)
ORDERLY = [
    scenario for scenario in SCENARIOS.values() if not any(isinstance(fault, BREAKING) for fault in scenario.faults)
]
OPENINGS = [
    (Dialect.GA, SessionKind.CONVERSATION),
    (Dialect.GA, SessionKind.CONVERSATION),
    (Dialect.BETA, SessionKind.CONVERSATION),
    (Dialect.GA, SessionKind.TRANSCRIPTION),
    (Dialect.BETA, SessionKind.TRANSCRIPTION),
    (Dialect.TRANSLATION, SessionKind.TRANSLATION),
]
TOOL = {"type": "function", "name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}}
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
    """A session to be played."""

    dialect: Dialect
    kind: SessionKind
    scenario: SimulatorScenario
    behaviour: SessionBehaviour
    seed: int
    early: bool
    """Whether the client speaks before the session was created."""
    actions: tuple[tuple[str, Action], ...]

    def __repr__(self) -> str:
        named = ", ".join(name for name, _ in self.actions)
        return f"Session({self.dialect}, {self.kind}, {self.scenario.name}, {self.behaviour}, {self.seed}, [{named}])"


def run_plan(session: SessionPlan) -> SimulatorHarness:
    """Play a session to where it comes to rest, if it does."""
    player = SimulatorHarness(
        session.kind,
        session.dialect,
        behaviour=session.behaviour,
        faults=session.scenario.faults,
        seed=session.seed,
        open_session=not session.early,
    )
    for _, act in session.actions:
        act(player)
    player.send("session.update", session=_update(player, turn_detection=None))
    player.wait(30)
    return player


def _dialect(player: SimulatorHarness) -> Dialect:
    return player.setup.dialect


def _update(player: SimulatorHarness, **flat: Any) -> dict[str, Any]:
    """Write settings, named as in the beta dialect, the way this session writes them."""
    if _dialect(player) is Dialect.BETA:
        return flat
    if _dialect(player) is Dialect.TRANSLATION:
        return {"audio": {"output": {"language": "de"}}}
    audio_input = {
        name: flat[given]
        for given, name in (("turn_detection", "turn_detection"), ("input_audio_transcription", "transcription"))
        if given in flat
    }
    session: dict[str, Any] = {"type": "realtime" if player.setup.kind is SessionKind.CONVERSATION else "transcription"}
    if audio_input:
        session["audio"] = {"input": audio_input}
    if "voice" in flat:
        session.setdefault("audio", {})["output"] = {"voice": flat["voice"]}
    if "modalities" in flat:
        session["output_modalities"] = flat["modalities"][:1]
    return {**session, **{name: flat[name] for name in ("tools", "tool_choice") if name in flat}}


def _known_item(player: SimulatorHarness, pick: int) -> str:
    """Name an item that was spoken of, or one that was not."""
    named = [event.get("item_id") or event.get("item", {}).get("id") for event in player.events]
    known = [*dict.fromkeys(name for name in named if name), "item_unknown"]
    return str(known[pick % len(known)])


def _about_item(player: SimulatorHarness, verb: str, pick: int) -> None:
    player.send(f"conversation.item.{verb}", item_id=_known_item(player, pick))


def _known_call(player: SimulatorHarness, pick: int) -> str:
    calls = [event["item"]["call_id"] for event in player.events if "call_id" in event.get("item", {})]
    known = [*dict.fromkeys(calls), "call_unknown"]
    return str(known[pick % len(known)])


def _append(player: SimulatorHarness, pcm: bytes) -> None:
    prefix = "session." if player.setup.kind is SessionKind.TRANSLATION else ""
    player.send(f"{prefix}input_audio_buffer.append", audio=base64(pcm))


def _respond(player: SimulatorHarness, response: dict[str, Any], words: list[str] | None) -> None:
    if words is not None:
        beta = _dialect(player) is Dialect.BETA
        response = {**response, "modalities" if beta else "output_modalities": words if beta else words[:1]}
    player.send("response.create", response=response)


def _tool_output(player: SimulatorHarness, pick: int) -> None:
    output = {"type": "function_call_output", "call_id": _known_call(player, pick), "output": "{}"}
    player.send("conversation.item.create", item=output)


picks = st.integers(0, 40)
modalities = st.sampled_from([["text"], ["audio", "text"]])
settings_changes = st.one_of(
    st.sampled_from(TURN_DETECTIONS).map(lambda found: {"turn_detection": found}),
    st.sampled_from(["alloy", "cedar"]).map(lambda voice: {"voice": voice}),
    modalities.map(lambda words: {"modalities": words}),
    st.sampled_from(["auto", "required", "none"]).map(lambda choice: {"tools": [TOOL], "tool_choice": choice}),
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


def _named(name: str, strategy: st.SearchStrategy[Action]) -> st.SearchStrategy[tuple[str, Action]]:
    return strategy.map(lambda act: (name, act))


_WAITS = _named(
    "wait", st.sampled_from([0.03, 0.3, 1.5, 8.0, 0.0]).map(lambda seconds: lambda player: player.wait(seconds))
)
_RESPONSES = _named(
    "respond", st.builds(lambda r, m: lambda player: _respond(player, r, m), responses, st.none() | modalities)
)
#: Waits and responses stand here more than once: without them little happens.
ACTIONS: st.SearchStrategy[tuple[str, Action]] = st.one_of(
    _WAITS,
    _RESPONSES,
    _WAITS,
    _named("type", st.sampled_from(["Hi", "the weather?"]).map(lambda text: lambda player: player.type(text))),
    _RESPONSES,
    _named("speak", st.integers(1, 60).map(lambda n: lambda player: _append(player, speech(n * 20)))),
    _named("be quiet", st.integers(1, 60).map(lambda n: lambda player: _append(player, silence(n * 20 + 5)))),
    _named("say", st.just(lambda player: _append(player, speech(400) + silence(600) + speech(200)))),
    _named("commit", st.just(lambda player: player.send("input_audio_buffer.commit"))),
    _named("clear", st.just(lambda player: player.send("input_audio_buffer.clear"))),
    _named("cancel", st.just(lambda player: player.send("response.cancel"))),
    _named(
        "truncate",
        st.builds(
            lambda pick, end: (
                lambda player: player.send(
                    "conversation.item.truncate", item_id=_known_item(player, pick), content_index=0, audio_end_ms=end
                )
            ),
            picks,
            st.sampled_from([0, 50, 100, 100_000]),
        ),
    ),
    _named("delete", picks.map(lambda pick: lambda player: _about_item(player, "delete", pick))),
    _named("retrieve", picks.map(lambda pick: lambda player: _about_item(player, "retrieve", pick))),
    _named(
        "update",
        settings_changes.map(
            lambda change: lambda player: player.send("session.update", session=_update(player, **change))
        ),
    ),
    _named("tool output", picks.map(lambda pick: lambda player: _tool_output(player, pick))),
    _named("wrong", st.sampled_from(WRONG_FRAMES).map(lambda frame: lambda player: player.frame(frame))),
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
    lambda opening, scenario, behaviour, seed, early, actions: SessionPlan(
        opening[0], opening[1], scenario, behaviour, seed, early, tuple(actions)
    ),
    st.sampled_from(OPENINGS),
    st.booleans().flatmap(lambda good: st.just(SCENARIOS["good"]) if good else st.sampled_from(ORDERLY)),
    behaviours,
    st.integers(0, 1_000),
    st.booleans(),
    st.lists(ACTIONS, min_size=10, max_size=30),
)
#: Healthy sessions, which are not cut short.
healthy_sessions = sessions.map(lambda session: replace(session, scenario=SCENARIOS["good"]))
