"""What will happen in a run, drawn from its seed before it begins: who calls, what they say, what goes wrong when."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.simulation.disruptions import FAULT_KINDS, PlanDraft, TimedDisruption

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bridge.simulation.network import LinkConditions
    from bridge.simulator.faults.base import Fault


@dataclass(frozen=True, slots=True)
class SpeakStep:
    """Say something and be quiet after it, in chunks, at the pace of speech."""

    ms: int
    chunk_ms: int
    silence_ms: int
    as_json: bool


@dataclass(frozen=True, slots=True)
class SendStep:
    """Send one message of the client protocol, or a native event."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Do nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerToolStep:
    """Answer the last tool call, if there was one."""


CallStep = SpeakStep | SendStep | WaitStep | AnswerToolStep


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One caller."""

    number: int
    starts_at: float
    session_options: Mapping[str, Any]
    steps: tuple[CallStep, ...]
    faults: tuple[Fault, ...]
    """Of the service, toward this caller."""
    disruptions: tuple[TimedDisruption, ...]
    client_conditions: LinkConditions
    upstream_conditions: LinkConditions
    native: bool = False
    """Whether it is an unmodified SDK."""
    beta: bool = False
    """Whether the service behind the bridge speaks the beta dialect; the same for all callers."""

    @property
    def commits(self) -> bool:
        """Whether the caller itself says when its speech has ended."""
        return self.session_options.get("turnDetection") == "none"

    @property
    def transcribes(self) -> bool:
        """Whether it wants no answers, only what it said in writing."""
        return self.session_options.get("kind") == "transcription"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """One run."""

    seed: int
    fault_kinds: tuple[str, ...]
    calls: tuple[CallPlan, ...]
    mints: bool
    rollover: bool
    client_bytes: int
    faults_end_at: float
    """From then on nothing goes wrong any more."""
    drain_at: float | None
    beta: bool = False


def draw_plan(seed: int, allowed: Collection[str] = FAULT_KINDS, *, simple: bool = False) -> SimulationPlan:
    """Draw a run. `allowed` names the kinds of faults that it may have; `plain`: no SDKs, no beta dialect.

    Those two are drawn from a chance of their own: they change nothing else of a seed's run.
    """
    chance = random.Random(f"plan:{seed}")
    names = [name for name in FAULT_KINDS if name in allowed]
    kinds = tuple(chance.sample(names, min(len(names), chance.choice((0, 1, 1, 2, 2, 3, 4)))))
    calm_at = chance.uniform(3.0, 14.0)
    draft = PlanDraft(chance, calm_at)
    calls = tuple(_call(number, kinds, draft) for number in range(chance.choice((1, 1, 1, 1, 2))))
    other = random.Random(f"doors:{seed}")
    beta = not simple and _likely(other, 0.15)
    calls = tuple(_other_door(call, other, beta=beta, plain=simple) for call in calls)
    return SimulationPlan(
        seed=seed,
        fault_kinds=kinds,
        calls=calls,
        mints=_likely(chance, 0.15),
        rollover=_likely(chance, 0.8),
        client_bytes=draft.client_bytes,
        faults_end_at=calm_at,
        drain_at=draft.drain_at,
        beta=beta,
    )


def _other_door(call: CallPlan, chance: random.Random, *, beta: bool, plain: bool) -> CallPlan:
    """Let some callers be SDKs, who say other things."""
    if plain or not _likely(chance, 0.3):
        return replace(call, beta=beta)
    wish = {name: value for name, value in call.session_options.items() if name != "audioOut"}
    steps = tuple(_one_native_step(chance, step) for step in call.steps)
    return replace(call, beta=beta, native=True, session_options=wish, steps=steps)


def _one_native_step(chance: random.Random, step: CallStep) -> CallStep:
    return SendStep(chance.choice(_NATIVE_MESSAGES)) if isinstance(step, SendStep) else step


def _likely(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _call(number: int, kinds: tuple[str, ...], draft: PlanDraft) -> CallPlan:
    draft.begin_call()
    for kind in kinds:
        FAULT_KINDS[kind](draft)
    wish = _wish(draft.rng)
    return CallPlan(
        number=number,
        starts_at=draft.rng.choice((0.0, draft.rng.uniform(0, 2))),
        session_options=wish,
        steps=tuple(_steps(draft.rng, wish)),
        faults=tuple(draft.faults),
        disruptions=tuple(sorted(draft.disruptions, key=lambda timed: timed.at)),
        client_conditions=draft.client_conditions,
        upstream_conditions=draft.upstream_conditions,
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


def _steps(chance: random.Random, wish: Mapping[str, Any]) -> list[CallStep]:
    steps: list[CallStep] = []
    for _ in range(chance.choice((1, 1, 2, 2, 3))):
        steps.append(_one_step(chance, wish))
        steps.append(WaitStep(chance.choice((0.0, 0.1, chance.uniform(0, 4)))))
    return steps


def _one_step(chance: random.Random, wish: Mapping[str, Any]) -> CallStep:
    if _likely(chance, 0.6):
        return draw_speech(chance)
    if wish.get("kind") == "transcription":
        return WaitStep(1.0)
    if _likely(chance, 0.15):
        return AnswerToolStep()
    return SendStep(chance.choice(_MESSAGES))


def draw_speech(chance: random.Random) -> SpeakStep:
    """Draw something to say."""
    return SpeakStep(
        ms=chance.choice((400, 800, 1200, 2400, 4800)),
        chunk_ms=chance.choice((60, 200, 200, 400, 400)),
        silence_ms=chance.choice((400, 800)),
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
