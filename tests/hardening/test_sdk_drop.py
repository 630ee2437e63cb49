"""The official SDK at the native endpoint, while the upstream drops in the middle of a sentence: no audio is lost."""

from __future__ import annotations

import time
from base64 import b64encode
from itertools import count
from typing import TYPE_CHECKING

import pytest
from openai import OpenAI

from bridge.protocol.audio.tracer import TracerSource
from bridge.protocol.models import DEFAULT_MODEL
from bridge.simulator.faults.actions import CloseFrame, Drop, Reset
from tests.hardening.harness import TOKEN
from tests.server.test_app_sdk import receive_until
from tests.simulator.sdk_client import OPTIONS, SDK_DEPRECATION_FILTER

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import RealtimeConnection

    from bridge.simulator.faults.actions import WireAction
    from tests.hardening.harness import BridgeProcess, SimulatorThread

pytestmark = [pytest.mark.slow, SDK_DEPRECATION_FILTER]

_callers = count(10_000)


def _append_speech(connection: RealtimeConnection, source: TracerSource, ms: int, *, silent: bool = False) -> None:
    """Append this much audio at the pace of speech."""
    for _ in range(ms // 20):
        pcm = source.silence(20) if silent else source.speech(20)
        connection.input_audio_buffer.append(audio=b64encode(pcm).decode())
        time.sleep(0.02)


NIGHTLY = pytest.mark.nightly


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(Drop(), id="end"),
        pytest.param(Reset(), id="reset", marks=NIGHTLY),
        pytest.param(CloseFrame(1011, "oh"), id="close", marks=NIGHTLY),
    ],
)
@pytest.mark.parametrize("detection", [True, False], ids=["server VAD", "manual commit"])
def test_a_drop_in_the_middle_of_a_sentence_loses_no_audio(
    act: WireAction, detection: bool, bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    client = OpenAI(base_url=f"http://{bridge.address}/v1", api_key=TOKEN, max_retries=0)
    source = TracerSource(caller=next(_callers))
    with client.realtime.connect(model=DEFAULT_MODEL, websocket_connection_options=OPTIONS) as connection:
        created = connection.recv()
        assert created.type == "session.created"
        session_id = created.model_dump()["session"]["id"]
        if not detection:
            connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
            receive_until(connection, "session.updated")
        _append_speech(connection, source, 500)
        upstream.inject(act, session_id)
        _append_speech(connection, source, 500)
        if detection:
            _append_speech(connection, source, 700, silent=True)
        else:
            connection.input_audio_buffer.commit()
            connection.response.create()
        result = [connection.recv()]
        while result[-1].type != "response.done":
            result.append(connection.recv())
    kinds = [event.type for event in result]
    assert upstream.lost_ms(source) == 0
    assert kinds.count("session.updated") == 1  # the new session
    assert kinds.count("response.created") == 1
    received = {event.error.code for event in result if event.type == "error"}
    assert received <= {"session_not_ready"}  # audio is held meanwhile
