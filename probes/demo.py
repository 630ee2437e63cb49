"""`make demo`, second half: a real spoken sentence through the embedded simulator, shown as it happens.

    python -m probes.demo [--answer FILE.wav] [--pace X]

Not a probe: it judges nothing but the order of the events, and looks at no service but its own simulator.
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

from bridge.protocol.audio.pcm import ms_of
from bridge.protocol.audio.wav import write_wav
from bridge.protocol.dialects.detection import Dialect, Kind
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.upstream.dial.dial import dial
from bridge.upstream.service import upstream_at
from probes.conversation.conversation import Recorder, perform
from probes.conversation.facts import Account
from probes.conversation.metrics import moment
from probes.conversation.scripts import SCRIPTS, question
from probes.recording.capture import Finished
from probes.runner.redaction import Secrets
from probes.voice.native_client import NativeSpeaker
from reports.model import EXIT_COULD_NOT_LOOK, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from reports.render.terminal.timeline import Folding, line
from reports.render.terminal_text import milliseconds

if TYPE_CHECKING:
    from bridge.simulator.embedded import Running
    from bridge.upstream.dial.dial import Upgraded
    from probes.recording.capture import Ending, Entry

_SENTENCE = "probes/data/question.wav"
_MODEL = "gpt-realtime-2.1"
_LONGEST_SECONDS = 60.0
_ANSWER_SECONDS = 10.0
_COLUMNS = 80


async def demo(console: Console, answer: Path, pace: float) -> int:
    """Speak, show, and keep the answer; gives the exit code."""
    pcm = question()
    console.print(f"\nA spoken turn through the simulator: {_SENTENCE}, {ms_of(len(pcm)) / 1000:.1f} s of speech\n")
    folding = Folding()

    def show(entry: Entry) -> None:
        for finished in folding.add(moment(entry, show_content=True)):
            console.print(line(finished, min(console.width, _COLUMNS)))

    account = Account(Dialect.GA)
    recorder = Recorder(account=account, secrets=Secrets(), show_content=True, on_entry=show)
    with trio.fail_after(_LONGEST_SECONDS):
        async with open_simulator(Settings(pace=pace)) as simulator:
            script = SCRIPTS["audio"]
            ending = await perform(_speaker(simulator), script, recorder, timeout=_ANSWER_SECONDS)
    for rest in folding.rest():
        console.print(line(rest, min(console.width, _COLUMNS)))
    await trio.Path(answer).write_bytes(write_wav(_sound(recorder.entries)))
    wrong = faults(account, ending)
    _sum_up(console, recorder, answer, wrong)
    return EXIT_FAILED if wrong else EXIT_OK


def _speaker(simulator: Running) -> NativeSpeaker:
    upstream = upstream_at(simulator.base_url, simulator.api_key)

    async def connect(kind: Kind) -> Upgraded:
        return await dial(upstream.socket_url(_MODEL, kind), headers=upstream.socket_headers())

    return NativeSpeaker(connect)


def faults(account: Account, ending: Ending) -> list[str]:
    """Say what was not as the protocol has it."""
    found = [f"{rule}: {message}" for _, rule, message in account.broken]
    return found if isinstance(ending, Finished) else [*found, f"the turn did not come to its end: {ending}"]


def _texts(entries: list[Entry], ending: str) -> str:
    found = (entry.event.get("transcript") for entry in entries if entry.type.endswith(ending))
    return " ".join(text for text in found if isinstance(text, str))


def _sound(entries: list[Entry]) -> bytes:
    pieces = (entry.event["delta"] for entry in entries if entry.who == "server" and entry.audio_ms)
    return b"".join(base64.b64decode(piece) for piece in pieces)


def _sum_up(console: Console, recorder: Recorder, answer: Path, wrong: list[str]) -> None:
    account, entries = recorder.account, recorder.entries
    spoken = account.turns[0] if account.turns else None
    first = next((one.audio[0][0] for one in account.answers.values() if one.audio), None)
    sound = None if first is None or spoken is None else first - spoken
    measured = f"ready {milliseconds(account.ready_at)} after connecting; "
    rows = [
        ("heard", f"{_texts(entries, 'transcription.completed')} (the sentence and the silence that ends it)"),
        ("answered", _texts(entries, "audio_transcript.done")),
        ("listen", f"{answer}  ({ms_of(len(_sound(entries))) / 1000:.1f} s)"),
        ("measured", f"{measured}first sound {milliseconds(sound)} after the last word"),
        *(("FAIL", told) for told in wrong),
    ]
    if not wrong:
        rows.append(("order", "every event stood where the protocol has it"))
    console.print()
    for label, text in rows:
        console.print(
            textwrap.fill(text, _COLUMNS, initial_indent=f"  {label:10}", subsequent_indent=" " * 12), markup=False
        )


def _above_zero(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("is a number above 0")
    return value


def main() -> None:
    """Run the demo from the command line."""
    parse = argparse.ArgumentParser(prog="python -m probes.demo", description="Speak through the embedded simulator.")
    parse.add_argument("--answer", type=Path, default=Path(".demo/answer.wav"), help="where to keep what was heard")
    parse.add_argument("--pace", type=_above_zero, default=1.0, help="how many times as fast the simulator answers")
    args = parse.parse_args()
    try:
        args.answer.parent.mkdir(parents=True, exist_ok=True)
        args.answer.touch()
    except OSError as error:
        print(f"the answer cannot be kept at {args.answer}: {error.strerror}", file=sys.stderr)  # noqa: T201 - usage
        sys.exit(EXIT_USAGE)
    code = EXIT_INTERRUPTED
    try:
        code = trio.run(demo, Console(highlight=False, soft_wrap=True), args.answer, args.pace)
    except* KeyboardInterrupt:
        pass
    except* trio.TooSlowError:
        print(f"no whole turn within {_LONGEST_SECONDS:.0f} s", file=sys.stderr)  # noqa: T201 - what is left to say
        code = EXIT_COULD_NOT_LOOK
    sys.exit(code)


if __name__ == "__main__":
    main()
