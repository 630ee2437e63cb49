"""The second half of `make demo`: sends a recorded sentence to the embedded simulator and shows the events live.

    python -m probes.demo [--answer FILE.wav] [--pace X]

This is not a probe: it checks only the order of the events, and connects only to its own simulator.
"""

from __future__ import annotations

import argparse
import base64
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from rich.console import Console

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.audio.wav import encode_wav
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.upstream.dial.dial import dial
from bridge.upstream.service import make_upstream
from probes.conversation.facts import SessionFacts
from probes.conversation.metrics import timeline_moment
from probes.conversation.player import play_script
from probes.conversation.recorder import Recorder
from probes.conversation.scripts import SCRIPTS, question_audio
from probes.recording.capture import FinishedEnding
from probes.runner.redaction import Secrets
from probes.voice.native_client import NativeVoiceClient
from reports.model import EXIT_COULD_NOT_RUN, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from reports.render.terminal.timeline import StreamFolder, moment_line
from reports.render.terminal_text import format_milliseconds

if TYPE_CHECKING:
    from bridge.simulator.embedded import RunningSimulator
    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.recording.capture import CaptureEnding, CaptureEntry

_SENTENCE = "probes/data/question.wav"
_MODEL = "gpt-realtime-2.1"
_LONGEST_SECONDS = 60.0
_ANSWER_SECONDS = 10.0
_COLUMNS = 80


async def demo(console: Console, answer: Path, pace: float) -> int:
    """Send the sentence, show the events, write the response to a WAV file, and return the exit code."""
    pcm = question_audio()
    console.print(f"\nA spoken turn on the simulator: {_SENTENCE}, {bytes_to_ms(len(pcm)) / 1000:.1f} s of speech\n")
    folding = StreamFolder()

    def show(entry: CaptureEntry) -> None:
        for finished in folding.add(timeline_moment(entry, show_content=True)):
            console.print(moment_line(finished, min(console.width, _COLUMNS)))

    account = SessionFacts(Dialect.GA)
    recorder = Recorder(facts=account, secrets=Secrets(), show_content=True, on_entry=show)
    with trio.fail_after(_LONGEST_SECONDS):
        async with open_simulator(Settings(pace=pace)) as simulator:
            script = SCRIPTS["audio"]
            ending = await play_script(_speaker(simulator), script, recorder, timeout=_ANSWER_SECONDS)
    for rest in folding.flush():
        console.print(moment_line(rest, min(console.width, _COLUMNS)))
    await trio.Path(answer).write_bytes(encode_wav(_sound(recorder.entries)))
    wrong = violations(account, ending)
    _sum_up(console, recorder, answer, wrong)
    return EXIT_FAILED if wrong else EXIT_OK


def _speaker(simulator: RunningSimulator) -> NativeVoiceClient:
    upstream = make_upstream(simulator.base_url, simulator.api_key)

    async def connect(kind: SessionKind) -> UpgradedConnection:
        return await dial(upstream.socket_url(_MODEL, kind), headers=upstream.socket_headers())

    return NativeVoiceClient(connect)


def violations(account: SessionFacts, ending: CaptureEnding) -> list[str]:
    """Return the violations of the protocol, as texts."""
    found = [f"{rule}: {message}" for _, rule, message in account.violations]
    return found if isinstance(ending, FinishedEnding) else [*found, f"the turn did not finish: {ending}"]


def _texts(entries: list[CaptureEntry], ending: str) -> str:
    found = (entry.event.get("transcript") for entry in entries if entry.type.endswith(ending))
    return " ".join(text for text in found if isinstance(text, str))


def _sound(entries: list[CaptureEntry]) -> bytes:
    pieces = (entry.event["delta"] for entry in entries if entry.who == "server" and entry.audio_ms)
    return b"".join(base64.b64decode(piece) for piece in pieces)


def _sum_up(console: Console, recorder: Recorder, answer: Path, wrong: list[str]) -> None:
    account, entries = recorder.facts, recorder.entries
    spoken = account.turns_ended_at[0] if account.turns_ended_at else None
    first = next((one.audio_chunks[0][0] for one in account.responses.values() if one.audio_chunks), None)
    sound = None if first is None or spoken is None else first - spoken
    measured = f"ready {format_milliseconds(account.ready_at)} after connecting; "
    rows = [
        ("input", f"{_texts(entries, 'transcription.completed')} (the sentence, and the silence that ends it)"),
        ("response", _texts(entries, "audio_transcript.done")),
        ("listen", f"{answer}  ({bytes_to_ms(len(_sound(entries))) / 1000:.1f} s)"),
        ("measured", f"{measured}first audio {format_milliseconds(sound)} after the end of speech"),
        *(("FAIL", violation) for violation in wrong),
    ]
    if not wrong:
        rows.append(("order", "every event is in the order that the protocol defines"))
    console.print()
    for label, text in rows:
        console.print(
            textwrap.fill(text, _COLUMNS, initial_indent=f"  {label:10}", subsequent_indent=" " * 12), markup=False
        )


def _above_zero(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def main() -> None:
    """Run the demo from the command line."""
    parse = argparse.ArgumentParser(
        prog="python -m probes.demo", description="Send a spoken sentence to the embedded simulator."
    )
    parse.add_argument(
        "--answer", type=Path, default=Path(".demo/answer.wav"), help="file for the response, in WAV format"
    )
    parse.add_argument(
        "--pace", type=_above_zero, default=1.0, help="speed of the simulator's response, as a multiple of real time"
    )
    args = parse.parse_args()
    try:
        args.answer.parent.mkdir(parents=True, exist_ok=True)
        args.answer.touch()
    except OSError as error:
        print(f"cannot write {args.answer}: {error.strerror}", file=sys.stderr)  # noqa: T201 - usage
        sys.exit(EXIT_USAGE)
    code = EXIT_INTERRUPTED
    try:
        code = trio.run(demo, Console(highlight=False, soft_wrap=True), args.answer, args.pace)
    except* KeyboardInterrupt:
        pass
    except* trio.TooSlowError:
        print(f"the turn did not finish within {_LONGEST_SECONDS:.0f} s", file=sys.stderr)  # noqa: T201 - the only output on this path
        code = EXIT_COULD_NOT_RUN
    sys.exit(code)


if __name__ == "__main__":
    main()
