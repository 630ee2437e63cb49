"""Group R: a recorded session, played through the bridge with `--recording`. It is there only if a recording is given.

The upstream plays the service's side and the suite's client the client's side, each once the other has come as far as
in the recording. How the recorded session ended is not played.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.protocol.recordings.capture import VIA_CLIENT, FinishedEnding
from bridge.protocol.recordings.filler import Filler
from bridge.protocol.recordings.playback import CLIENT_SIDE, SERVER_SIDE, Playback
from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.case import Case, Group
from probes.conformance.cases.c_order import same_events
from probes.conformance.peers.refused import Refused
from probes.conformance.peers.upstream import OWN_CONFIGURATION, PACE
from probes.conformance.verdict import check, fail, not_applicable

if TYPE_CHECKING:
    from bridge.protocol.recordings.capture import Capture
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient, BridgeSaid
    from probes.conformance.peers.upstream import SeenSession

#: The letter of its group.
RECORDED: Final = "R"
_CALLER: Final = 1
_SECTION: Final = "Messages from the bridge"
_EXPECTS: Final = "Every event of either side reaches the other one, untouched, once and in order."
_MATTERS: Final = "It is what your users' sessions look like, with the events that only they have."
#: When neither side has moved for so long, something did not arrive.
_STANDSTILL: Final = 2 * SOON


def unplayable(recording: Capture) -> str:
    """Say why a recording can't be played through a bridge; empty if it can."""
    if recording.header.via == VIA_CLIENT:
        return "it was recorded at a bridge's client endpoint; record between a bridge, or a client, and the service"
    sides = {entry.who for entry in recording.entries}
    return "" if sides & SERVER_SIDE and sides & CLIENT_SIDE else "it doesn't hold both sides of a session"


async def play(context: CaseContext, *, recording: Capture) -> None:
    """Let the upstream play one side of the recording, and play the other one."""
    at = max((entry.at for entry in recording.entries), default=0.0)
    context.upstream.play(msgspec.structs.replace(recording, ending=FinishedEnding(at=at)))
    client = await _connect(context, recording.header.kind)
    session = await context.session(1, within=READY_SECONDS)
    sent = await _play_client(context, client, recording)
    wanted = sum(entry.who in SERVER_SIDE and not entry.unreadable for entry in recording.entries)

    def played() -> int:
        return sum(event.body.get("event_id") != OWN_CONFIGURATION for event in session.sent)

    await context.waiter.until(
        lambda: played() >= wanted,
        expected=f"the recorded session goes on to its end: {wanted} events of the service",
        seen=lambda: (
            f"after {played()} of them the upstream still waits for what the client has sent: it has "
            f"{', '.join(session.types()[-6:])}"
        ),
        within=2 * SOON,
    )
    await same_events(client, session)
    await _all_went_up(context, session, sent)


async def _connect(context: CaseContext, kind: str) -> BridgeClient:
    """Connect to the native endpoint, or to the client endpoint of a bridge that has no other one."""
    intent = "intent=transcription" if kind == "transcription" else f"model={context.profile.model}"
    client = await context.upgrade_when_free(f"{context.profile.native_path}?{intent}")
    return await context.ready(kind=kind) if isinstance(client, Refused) else client


async def _play_client(context: CaseContext, client: BridgeClient, recording: Capture) -> list[dict[str, Any]]:
    """Send what the client sent in the recording, and return it."""
    playback = Playback(recording.entries, from_client=True, speed=PACE, now=context.now)
    filler = Filler((entry for entry in recording.entries if entry.who in CLIENT_SIDE), caller=_CALLER)
    sent: list[dict[str, Any]] = []
    heard, moved_at = 0, context.now
    while not playback.finished and client.end is None and context.now < moved_at + _STANDSTILL:
        for said in client.received[heard:]:
            heard, moved_at = said.index + 1, context.now
            if said.is_native:
                playback.heard(said.body, context.now, audio_ms=_audio_ms(said))
        for entry in playback.due(context.now):
            sent.append(filler.event(entry))
            moved_at = context.now
            kind, *names = sorted(sent[-1], key=lambda name: name != "type")
            await client.send_event(str(sent[-1][kind]), **{name: sent[-1][name] for name in names})
        if playback.remaining and heard == len(client.received):
            until = min(playback.next_due or math.inf, moved_at + _STANDSTILL)
            with trio.move_on_at(until):
                await context.log.changed()
    check(
        playback.finished,
        expected="the recorded session goes on: what the service sends reaches the client",
        seen=f"the client still waits for {playback.waits_for}; it received {client.describe()}",
    )
    return sent


def _audio_ms(said: BridgeSaid) -> float:
    """Return how much audio of an answer an event carries."""
    delta = said.body.get("delta")
    if said.type not in AUDIO_DELTAS or not isinstance(delta, str):
        return 0.0
    return bytes_to_ms(len(msgspec.convert(delta, bytes)))


async def _all_went_up(context: CaseContext, session: SeenSession, sent: list[dict[str, Any]]) -> None:
    """End the case unless all that the client sent has reached the upstream, in order; the bridge may add events."""

    def missing() -> int | None:
        received = iter(session.received)
        return next((at for at, event in enumerate(sent) if not any(one.body == event for one in received)), None)

    if await context.waiter.holds(lambda: missing() is None):
        return
    at = missing() or 0
    fail(
        "the upstream receives every event of the client, untouched, once and in order",
        f"event {at + 1} of {len(sent)}, `{sent[at].get('type')}`, is missing, was changed, or came too early",
    )


def recording_case(recording: Capture | None, name: str = "FILE") -> Case:
    """Return the case that plays a recording. Without one it can only be explained."""
    group = Group(RECORDED, "A recorded session")
    group.add(
        1,
        "Passes a recorded session on, untouched",
        partial(play, recording=recording) if recording is not None else _nothing,
        section=_SECTION,
        does=f"Plays {name}: the upstream one side of it, the suite's client the other.",
        expects=_EXPECTS,
        matters=_MATTERS,
        seconds=10.0,
    )
    return group.cases[0]


async def _nothing(_: CaseContext) -> None:
    """Stand in where no recording is given."""
    not_applicable("no recording was given")
