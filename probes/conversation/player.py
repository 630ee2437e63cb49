"""Playing a script: opens the session, runs the script while a second task receives, and says how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bridge.transport.link import LinkClosed
from probes.conversation.conversation import NoProgress, ResponseFailed, ScriptedConversation
from probes.conversation.recorder import MAX_BYTES, MAX_ENTRIES, RecorderFull
from probes.recording.capture import (
    ClosedEnding,
    FinishedEnding,
    LimitEnding,
    RefusedEnding,
    SilentEnding,
    StoppedEnding,
)
from probes.voice.voice_client import NotReady

if TYPE_CHECKING:
    from probes.conversation.recorder import Recorder
    from probes.conversation.scripts import ConversationScript
    from probes.recording.capture import CaptureEnding
    from probes.voice.voice_client import VoiceClient

#: How long to wait for late events of a finished script: `rate_limits.updated` comes 43 ms after the response.
_SETTLE_SECONDS = 0.3
#: How long to wait for the close frame of a link that no longer accepts data.
_CLOSE_SECONDS = 1.0


async def play_script(
    client: VoiceClient, script: ConversationScript, recorder: Recorder, *, timeout: float, speed: float = 1.0
) -> CaptureEnding:
    """Play a script, close the link and return how it ended. Raises only DialFailed and HandshakeRefused.

    `timeout` limits each wait, in seconds; the whole script is limited by its `time_limit` and `timeouts_allowed`.
    `speed` is how many times faster than real time audio is sent. Cancelling closes the link within a bounded time.
    """
    conversation = ScriptedConversation(client, recorder, timeout, speed)
    client.on_sent = recorder.record_sent
    longest = script.time_limit + script.timeouts_allowed * timeout
    ending: CaptureEnding = LimitEnding(at=longest, bound=f"{longest:.0f} s for the whole script")
    try:
        with trio.move_on_after(longest):
            ending = await _play_to_ending(conversation, script, recorder)
    finally:
        await client.close()
    return ending


async def _play_to_ending(
    conversation: ScriptedConversation, script: ConversationScript, recorder: Recorder
) -> CaptureEnding:
    try:
        await conversation.open(script.options)
        await _play(conversation, script)
    except NoProgress as silent:
        seconds = trio.current_time() - recorder.progress_at
        return SilentEnding(at=recorder.now(), owed=silent.awaited, seconds=seconds)
    except ResponseFailed:
        return StoppedEnding(at=recorder.now())
    except NotReady as refused:
        return RefusedEnding(at=recorder.now(), error=dict(refused.error), native=refused.native, code=refused.code)
    except LinkClosed as closed:
        return ClosedEnding(at=recorder.now(), code=closed.code, reason=closed.reason, by_peer=closed.by_peer)
    except RecorderFull:
        return LimitEnding(at=recorder.now(), bound=f"{MAX_ENTRIES:,} events or {MAX_BYTES // 2**20} MiB")
    return FinishedEnding(at=recorder.now())


async def _play(conversation: ScriptedConversation, script: ConversationScript) -> None:
    """Run the script and receive at the same time. Raises what ended it, outside of any exception group.

    Several things may end it within one scheduler pass; the end of the link takes precedence over its consequences.
    """
    causes: list[Exception] = []
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            try:
                await conversation.receive_all()
            except (LinkClosed, RecorderFull) as error:
                causes.insert(0, error)
                nursery.cancel_scope.cancel()

        nursery.start_soon(receive)
        try:
            await script.play(conversation)
            await trio.sleep(_SETTLE_SECONDS)
        except LinkClosed as error:  # raised by a send: the frames that still arrive say more
            causes.append(error)
            await trio.sleep(_CLOSE_SECONDS)
        except (NoProgress, ResponseFailed, RecorderFull) as error:
            causes.append(error)
        nursery.cancel_scope.cancel()
    if causes:
        raise causes[0]
