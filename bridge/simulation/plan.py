"""What will happen in a run, drawn from its seed before it begins: who calls, what they say, what goes wrong when."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.simulation.disruptions import KINDS, Draft, TimedTrouble

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bridge.simulation.network import Weather
    from bridge.simulator.faults.base import Fault


@dataclass(frozen=True, slots=True)
class Speak:
    """Say something and be quiet after it, in chunks, at the pace of speech."""

    ms: int
    chunk_ms: int
    quiet_ms: int
    as_json: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send one message of the client protocol, or a native event."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerTool:
    """Answer the last tool call, if there was one."""


Step = Speak | Send | Wait | AnswerTool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One caller."""

    number: int
    begins_at: float
    wish: Mapping[str, Any]
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    """Of the service, toward this caller."""
    troubles: tuple[TimedTrouble, ...]
    client_weather: Weather
    upstream_weather: Weather
    native: bool = False
    """Whether it is an unmodified SDK."""
    beta: bool = False
    """Whether the service behind the bridge speaks the beta dialect; the same for all callers."""

    @property
    def commits(self) -> bool:
        """Whether the caller itself says when its speech has ended."""
        return self.wish.get("turnDetection") == "none"

    @property
    def transcribes(self) -> bool:
        """Whether it wants no answers, only what it said in writing."""
        return self.wish.get("kind") == "transcription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run."""

    seed: int
    kinds: tuple[str, ...]
    calls: tuple[CallPlan, ...]
    mints: bool
    rollover: bool
    client_bytes: int
    calm_at: float
    """From then on nothing goes wrong any more."""
    drain_at: float | None
    beta: bool = False


def draw_plan(seed: int, allowed: Collection[str] = KINDS, *, plain: bool = False) -> Plan:
    """Draw a run. `allowed` names the kinds of faults that it may have; `plain`: no SDKs, no beta dialect.

    Those two are drawn from a chance of their own: they change nothing else of a seed's run.
    """
    chance = random.Random(f"plan:{seed}")
    names = [name for name in KINDS if name in allowed]
    kinds = tuple(chance.sample(names, min(len(names), chance.choice((0, 1, 1, 2, 2, 3, 4)))))
    calm_at = chance.uniform(3.0, 14.0)
    draft = Draft(chance, calm_at)
    calls = tuple(_call(number, kinds, draft) for number in range(chance.choice((1, 1, 1, 1, 2))))
    other = random.Random(f"doors:{seed}")
    beta = not plain and _likely(other, 0.15)
    calls = tuple(_other_door(call, other, beta=beta, plain=plain) for call in calls)
    return Plan(
        seed=seed,
        kinds=kinds,
        calls=calls,
        mints=_likely(chance, 0.15),
        rollover=_likely(chance, 0.8),
        client_bytes=draft.client_bytes,
        calm_at=calm_at,
        drain_at=draft.drain_at,
        beta=beta,
    )


def _other_door(call: CallPlan, chance: random.Random, *, beta: bool, plain: bool) -> CallPlan:
    """Let some callers be SDKs, who say other things."""
    if plain or not _likely(chance, 0.3):
        return replace(call, beta=beta)
    wish = {name: value for name, value in call.wish.items() if name != "audioOut"}
    steps = tuple(_one_native_step(chance, step) for step in call.steps)
    return replace(call, beta=beta, native=True, wish=wish, steps=steps)


def _one_native_step(chance: random.Random, step: Step) -> Step:
    return Send(chance.choice(_NATIVE_MESSAGES)) if isinstance(step, Send) else step


def _likely(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _call(number: int, kinds: tuple[str, ...], draft: Draft) -> CallPlan:
    draft.begin_call()
    for kind in kinds:
        KINDS[kind](draft)
    wish = _wish(draft.chance)
    return CallPlan(
        number=number,
        begins_at=draft.chance.choice((0.0, draft.chance.uniform(0, 2))),
        wish=wish,
        steps=tuple(_steps(draft.chance, wish)),
        faults=tuple(draft.faults),
        troubles=tuple(sorted(draft.troubles, key=lambda timed: timed.at)),
        client_weather=draft.client_weather,
        upstream_weather=draft.upstream_weather,
    )


_TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}


def _wish(chance: random.Random) -> dict[str, Any]:
    wish: dict[str, Any] = {}
    if _likely(chance, 0.15):
        wish["kind"] = "transcription"
    if _likely(chance, 0.3):
        wish["turnDetection"] = chance.choice(("none", "semantic_vad"))
    if _likely(chance, 0.2):
        wish["audioOut"] = "binary"
    if "kind" not in wish and _likely(chance, 0.15):
        wish["tools"] = [_TOOL]
    return wish


def _steps(chance: random.Random, wish: Mapping[str, Any]) -> list[Step]:
    steps: list[Step] = []
    for _ in range(chance.choice((1, 1, 2, 2, 3))):
        steps.append(_one_step(chance, wish))
        steps.append(Wait(chance.choice((0.0, 0.1, chance.uniform(0, 4)))))
    return steps


def _one_step(chance: random.Random, wish: Mapping[str, Any]) -> Step:
    if _likely(chance, 0.6):
        return speech(chance)
    if wish.get("kind") == "transcription":
        return Wait(1.0)
    if _likely(chance, 0.15):
        return AnswerTool()
    return Send(chance.choice(_MESSAGES))


def speech(chance: random.Random) -> Speak:
    """Draw something to say."""
    return Speak(
        ms=chance.choice((400, 800, 1200, 2400, 4800)),
        chunk_ms=chance.choice((60, 200, 200, 400, 400)),
        quiet_ms=chance.choice((400, 800)),
        as_json=_likely(chance, 0.3),
    )


_TEXT = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Please look_up the order."}]}
_DETECTIONS = ({"type": "server_vad", "threshold": 0.4}, {"type": "semantic_vad", "eagerness": "high"})
_NATIVE_MESSAGES: tuple[Mapping[str, Any], ...] = (
    {"type": "conversation.item.create", "item": _TEXT},
    {"type": "response.create"},
    {"type": "response.create"},
    {"type": "response.cancel"},
    {"type": "input_audio_buffer.clear"},
    {"type": "no.such.event"},
    {"type": "nonsense"},
    {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}},
    {"type": "session.update", "session": {"instructions": "Be brief."}},
    *(
        {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}}
        for detection in _DETECTIONS
    ),
    {"type": "session.update", "event_id": "mine", "session": {"type": "realtime", "nonsense": True}},
)

_MESSAGES: tuple[Mapping[str, Any], ...] = (
    {"type": "text", "text": "What time is it?"},
    {"type": "text", "text": "Please look_up the order."},
    {"type": "interrupt", "playedMs": 300},
    {"type": "interrupt"},
    {"type": "restart_session"},
    {"type": "end_session"},
    {"type": "create_session"},
    {"type": "ping", "id": "p"},
    {"type": "no_such_message"},
    {"type": "text"},
    {"type": "response.create"},
    {"type": "response.cancel"},
    {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}},
    {"type": "session.update", "session": {"type": "realtime", "nonsense": True}},
)
