"""What will happen in a run, drawn from its seed before it starts: who calls, what callers say, what fails and when."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bridge.core.spending.caps import Caps
from bridge.simulation.disruptions import FAULT_KINDS, PlanDraft, TimedDisruption

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bridge.simulation.network import LinkConditions
    from bridge.simulator.faults.base import Fault


@dataclass(frozen=True, slots=True)
class SpeakStep:
    """Speak and then send silence, in chunks, at the pace of speech."""

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
    """Send nothing for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerToolStep:
    """Send the result of the last tool call, if there was one."""


CallStep = SpeakStep | SendStep | WaitStep | AnswerToolStep


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What one caller does, and what happens to it."""

    number: int
    starts_at: float
    session_options: Mapping[str, Any]
    steps: tuple[CallStep, ...]
    faults: tuple[Fault, ...]
    """Faults of the simulator, for this caller's sessions."""
    disruptions: tuple[TimedDisruption, ...]
    client_conditions: LinkConditions
    upstream_conditions: LinkConditions
    native: bool = False
    """Whether the caller is an unmodified SDK at the native endpoint."""
    beta: bool = False
    """Whether the service behind the bridge speaks the beta dialect; the same for all callers."""

    @property
    def commits(self) -> bool:
        """Whether the caller ends its turns itself."""
        return self.session_options.get("turnDetection") == "none"

    @property
    def transcribes(self) -> bool:
        """Whether the caller wants a transcription, and no answers."""
        return self.session_options.get("kind") == "transcription"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """All that a seed determines of one run: its calls, its faults, and the settings of bridge and service."""

    seed: int
    fault_kinds: tuple[str, ...]
    calls: tuple[CallPlan, ...]
    mints: bool
    rollover: bool
    client_bytes: int
    faults_end_at: float
    """Seconds of the virtual clock; no fault takes effect later."""
    drain_at: float | None
    beta: bool = False
    caps: Caps = field(default_factory=Caps)


def draw_plan(seed: int, allowed: Collection[str] = FAULT_KINDS, *, simple: bool = False) -> SimulationPlan:
    """Draw the plan of a seed, with faults of the `allowed` kinds only; `simple`: no SDKs, no beta dialect, no caps.

    SDKs and dialect have a random generator of their own, and so have caps: they change nothing else in a seed's plan.
    """
    rng = random.Random(f"plan:{seed}")
    names = [name for name in FAULT_KINDS if name in allowed]
    kinds = tuple(rng.sample(names, min(len(names), rng.choice((0, 1, 1, 2, 2, 3, 4)))))
    faults_end_at = rng.uniform(3.0, 14.0)
    draft = PlanDraft(rng, faults_end_at)
    calls = tuple(_call(number, kinds, draft) for number in range(rng.choice((1, 1, 1, 1, 2))))
    endpoint_rng = random.Random(f"doors:{seed}")  # the name is part of every seed's meaning
    beta = not simple and _likely(endpoint_rng, 0.15)
    calls = tuple(_with_endpoint(call, endpoint_rng, beta=beta, simple=simple) for call in calls)
    return SimulationPlan(
        seed=seed,
        fault_kinds=kinds,
        calls=calls,
        mints=_likely(rng, 0.15),
        rollover=_likely(rng, 0.8),
        client_bytes=draft.client_bytes,
        faults_end_at=faults_end_at,
        drain_at=draft.drain_at,
        beta=beta,
        caps=Caps() if simple else _caps(random.Random(f"caps:{seed}")),
    )


def _caps(rng: random.Random) -> Caps:
    """Draw one cap for every fifth run: so small that calls reach it, often in the middle of something."""
    drawn = (
        Caps(max_tokens=rng.choice((1, 300, 1500))),
        Caps(max_session_seconds=rng.uniform(2, 20)),
        Caps(idle_seconds=rng.uniform(2, 8)),
    )
    return rng.choice(drawn) if _likely(rng, 0.2) else Caps()


def _with_endpoint(call: CallPlan, rng: random.Random, *, beta: bool, simple: bool) -> CallPlan:
    """Make some callers SDKs, which send other messages."""
    if simple or not _likely(rng, 0.3):
        return replace(call, beta=beta)
    options = {name: value for name, value in call.session_options.items() if name != "audioOut"}
    steps = tuple(_native_step(rng, step) for step in call.steps)
    return replace(call, beta=beta, native=True, session_options=options, steps=steps)


def _native_step(rng: random.Random, step: CallStep) -> CallStep:
    return SendStep(rng.choice(_NATIVE_MESSAGES)) if isinstance(step, SendStep) else step


def _likely(rng: random.Random, probability: float) -> bool:
    return rng.random() < probability


def _call(number: int, kinds: tuple[str, ...], draft: PlanDraft) -> CallPlan:
    draft.begin_call()
    for kind in kinds:
        FAULT_KINDS[kind](draft)
    options = _session_options(draft.rng)
    return CallPlan(
        number=number,
        starts_at=draft.rng.choice((0.0, draft.rng.uniform(0, 2))),
        session_options=options,
        steps=tuple(_steps(draft.rng, options)),
        faults=tuple(draft.faults),
        disruptions=tuple(sorted(draft.disruptions, key=lambda timed: timed.at)),
        client_conditions=draft.client_conditions,
        upstream_conditions=draft.upstream_conditions,
    )


_TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}


def _session_options(rng: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if _likely(rng, 0.15):
        options["kind"] = "transcription"
    if _likely(rng, 0.3):
        options["turnDetection"] = rng.choice(("none", "semantic_vad"))
    if _likely(rng, 0.2):
        options["audioOut"] = "binary"
    if "kind" not in options and _likely(rng, 0.15):
        options["tools"] = [_TOOL]
    if _likely(rng, 0.15):
        options["usage"] = True
    return options


def _steps(rng: random.Random, options: Mapping[str, Any]) -> list[CallStep]:
    steps: list[CallStep] = []
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        steps.append(_draw_step(rng, options))
        steps.append(WaitStep(rng.choice((0.0, 0.1, rng.uniform(0, 4)))))
    return steps


def _draw_step(rng: random.Random, options: Mapping[str, Any]) -> CallStep:
    if _likely(rng, 0.6):
        return draw_speech(rng)
    if options.get("kind") == "transcription":
        return WaitStep(1.0)
    if _likely(rng, 0.15):
        return AnswerToolStep()
    return SendStep(rng.choice(_MESSAGES))


def draw_speech(rng: random.Random) -> SpeakStep:
    """Draw one turn of speech."""
    return SpeakStep(
        ms=rng.choice((400, 800, 1200, 2400, 4800)),
        chunk_ms=rng.choice((60, 200, 200, 400, 400)),
        silence_ms=rng.choice((600, 800)),
        as_json=_likely(rng, 0.3),
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
    # sherpa-lint: ignore[session-type-missing] the service must refuse it
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
