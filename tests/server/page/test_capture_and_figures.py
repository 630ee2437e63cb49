"""The download, which the probe reads, and the figures of a call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from probes.cli import cli
from probes.recording.capture import read_capture
from tests.shared_cases import shared_cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.page.javascript import JavaScript

SECRET_WORDS = "my pension is in gold"


def step(at: int, kind: str, *, sent: bool = False, **fields: Any) -> list[Any]:
    return [at, sent, {"type": kind, **fields}]


def test_a_download_is_a_capture_without_content(javascript: JavaScript, tmp_path: Path) -> None:
    text = javascript.run(
        "capture",
        steps=[
            step(10, "create_session", sent=True, instructions=SECRET_WORDS),
            step(20, "connected", clientId="c", protocol=1, timestamp="2026-11-29T00:00:00.000Z"),
            step(30, "session.created", session={"id": "sess_1", "type": "realtime", "instructions": SECRET_WORDS}),
            step(40, "text", sent=True, text=SECRET_WORDS),
            step(50, "response.output_audio.delta", item_id="item_1", delta="AAAA" * 640),
            step(60, "response.output_audio_transcript.delta", item_id="item_1", delta=SECRET_WORDS),
        ],
    )
    assert SECRET_WORDS not in text
    file = tmp_path / "page.ndjson"
    file.write_text(text)
    capture = read_capture(file)
    assert capture.header.via == "client"
    assert [(one.at, one.who, one.type) for one in capture.entries] == [
        (0.01, "client", "create_session"),
        (0.02, "bridge", "connected"),
        (0.03, "server", "session.created"),
        (0.04, "client", "text"),
        (0.05, "server", "response.output_audio.delta"),
        (0.06, "server", "response.output_audio_transcript.delta"),
        (0.9, "client", "audio"),
    ]
    assert capture.entries[2].event["session"] == {
        "id": "sess_1",
        "type": "realtime",
        "instructions": "x" * len(SECRET_WORDS),
    }
    assert capture.entries[4].event["delta"] == "[audio]"
    assert [capture.entries[4].audio_ms, capture.entries[6].audio_ms] == [40, 20]


def test_the_probe_judges_a_download(javascript: JavaScript, tmp_path: Path) -> None:
    file = tmp_path / "page.ndjson"
    file.write_text(
        javascript.run("capture", steps=[step(10, "session.created", session={"id": "s", "type": "realtime"})])
    )
    done = CliRunner().invoke(cli, ["events", "--from", str(file), "--json"])
    assert done.exit_code in (0, 1), done.output
    assert json.loads(done.stdout)


def test_latency_is_measured_from_what_the_caller_did(javascript: JavaScript) -> None:
    found = javascript.run(
        "latency",
        steps=[
            ["started", 0],
            ["sessionReady", 400],
            ["sessionReady", 9_000],
            ["asked", 10_000],
            ["audio", "a", 10_350],
            ["audio", "a", 10_400],
            ["playback", "started", 10_420],
            ["playback", "underrun", 10_900],
            ["playback", "progress", 11_020],
            ["playback", "underrun", 12_000],
            ["playback", "ended", 12_500],
            ["spokeUp", 13_000],
            ["playback", "stopped", 13_012],
        ],
    )
    assert (found["ready"], found["firstAudio"], found["gap"], found["bargeIn"]) == (400, 350, 120, 12)
    assert found["plot"] == [350]


def test_the_rest_of_an_answer_is_not_the_answer_to_the_next_question(javascript: JavaScript) -> None:
    steps = [["asked", 0], ["audio", "a", 300], ["asked", 1_000], ["audio", "a", 1_002], ["audio", "b", 1_400]]
    assert javascript.run("latency", steps=steps)["plot"] == [300, 400]


def test_the_plot_keeps_the_last_twenty_answers(javascript: JavaScript) -> None:
    steps = [one for n in range(30) for one in (["asked", n * 1_000], ["audio", f"item {n}", n * 1_000 + n])]
    assert javascript.run("latency", steps=steps)["plot"] == list(range(10, 30))


@pytest.mark.parametrize(
    ("status", "ms", "suspicious"), [("cancelled", 299, True), ("cancelled", 300, False), ("completed", 10, False)]
)
def test_an_answer_that_is_cancelled_at_once_may_have_heard_itself(
    javascript: JavaScript, status: str, ms: int, *, suspicious: bool
) -> None:
    answers = javascript.run("latency", steps=[["answer", True, "in_progress", 0], ["answer", False, status, ms]])
    assert answers["answers"] == [False, suspicious]


@pytest.mark.parametrize("case", shared_cases("echo"), ids=lambda case: case["said"])
def test_a_transcript_that_repeats_the_answer_is_an_echo_as_for_the_bridge(
    javascript: JavaScript, case: dict[str, Any]
) -> None:
    assert javascript.run("echo", said=case["said"], answer=case["answer"]) is case["echo"]
