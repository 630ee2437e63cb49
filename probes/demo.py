"""`make demo`, second half: a real spoken sentence through the embedded simulator, shown as it happens.

    python -m probes.demo [--answer FILE.wav] [--pace X]

Not a probe: it judges nothing but the order of the events, and looks at no service but its own simulator.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from importlib.resources import files
from pathlib import Path

import trio
from rich.console import Console

from bridge.protocol.audio import ms_of
from bridge.protocol.wav import read_wav, write_wav
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.upstream.dial import dial
from probes.spoken_turn import SpokenTurn, spoken_turn
from reports.model import EXIT_COULD_NOT_LOOK, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, Moment
from reports.text import milliseconds
from reports.timeline import Folding, line

_SENTENCE = "probes/data/question.wav"
_LONGEST_SECONDS = 60.0
_COLUMNS = 80


async def demo(console: Console, answer: Path, pace: float) -> int:
    """Speak, show, and keep the answer; gives the exit code."""
    pcm = read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm
    console.print(f"\nA spoken turn through the simulator: {_SENTENCE}, {ms_of(len(pcm)) / 1000:.1f} s of speech\n")
    folding = Folding()

    def show(moment: Moment) -> None:
        for finished in folding.add(moment):
            console.print(line(finished, min(console.width, _COLUMNS)))

    with trio.fail_after(_LONGEST_SECONDS):
        async with open_simulator(Settings(pace=pace)) as simulator:
            url = f"{simulator.websocket_url}?model=gpt-realtime-2.1"
            credential = ("authorization", f"Bearer {simulator.api_key.reveal()}")
            connected = await dial(url, headers=[credential])
            async with connected.link as link:
                turn = await spoken_turn(link, pcm, show)
    await trio.Path(answer).write_bytes(write_wav(turn.audio))
    _sum_up(console, turn, answer)
    return EXIT_FAILED if turn.violations else EXIT_OK


def _sum_up(console: Console, turn: SpokenTurn, answer: Path) -> None:
    ready, sound = milliseconds(turn.marks.get("ready")), milliseconds(turn.seconds_between("spoken", "audio"))
    rows = [
        ("heard", f"{turn.heard} (the sentence and the silence that ends it)"),
        ("answered", turn.answer),
        ("listen", f"{answer}  ({ms_of(len(turn.audio)) / 1000:.1f} s)"),
        ("measured", f"ready {ready} after connecting; first sound {sound} after the last word"),
        *(("FAIL", f"{violation.rule}: {violation.message}") for violation in turn.violations),
    ]
    if not turn.violations:
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
