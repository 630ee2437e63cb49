"""`make demo`, second half: a real spoken sentence through the embedded simulator, with what happened shown.

    python -m probes.demo [--answer FILE.wav] [--pace X]

Not a probe: it judges nothing but the order of the events, and looks at no service but its own simulator.
"""

from __future__ import annotations

import argparse
import sys
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
from reports.model import EXIT_FAILED, EXIT_OK
from reports.text import milliseconds
from reports.timeline import fold, line

_SENTENCE = "probes/data/question.wav"
_LONGEST_SECONDS = 60.0


async def demo(console: Console, answer: Path, pace: float) -> int:
    """Speak, show, and keep the answer; gives the exit code."""
    pcm = read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm
    console.print(f"\nA spoken turn through the simulator: {_SENTENCE}, {ms_of(len(pcm)) / 1000:.1f} s of speech\n")
    with trio.fail_after(_LONGEST_SECONDS):
        async with open_simulator(Settings(pace=pace)) as simulator:
            url = f"{simulator.websocket_url}?model=gpt-realtime-2.1"
            credential = ("authorization", f"Bearer {simulator.api_key.reveal()}")
            connected = await dial(url, headers=[credential])
            async with connected.link as link:
                with console.status("speaking and listening …"):
                    turn = await spoken_turn(link, pcm)
    _show(console, turn, answer)
    return EXIT_FAILED if turn.violations else EXIT_OK


def _show(console: Console, turn: SpokenTurn, answer: Path) -> None:
    for moment in fold(turn.moments):
        console.print(line(moment, console.width))
    answer.parent.mkdir(parents=True, exist_ok=True)
    answer.write_bytes(write_wav(turn.audio))
    console.print(f"\n  heard     {turn.heard}")
    console.print(f"  answered  {turn.answer}")
    console.print(f"  listen    {answer}  ({ms_of(len(turn.audio)) / 1000:.1f} s)")
    console.print(
        f"  measured  ready {milliseconds(turn.marks.get('ready'))} after connecting; "
        f"first sound {milliseconds(turn.seconds_between('spoken', 'audio'))} after the last word"
    )
    for violation in turn.violations:
        console.print(f"  FAIL      {violation.rule}: {violation.message}")
    if not turn.violations:
        console.print("  order     every event stood where the protocol has it")


def main() -> None:
    """Run the demo from the command line."""
    parse = argparse.ArgumentParser(prog="python -m probes.demo", description="Speak through the embedded simulator.")
    parse.add_argument("--answer", type=Path, default=Path(".demo/answer.wav"), help="where to keep what was heard")
    parse.add_argument("--pace", type=float, default=1.0, help="how many times as fast the simulator answers")
    args = parse.parse_args()
    try:
        sys.exit(trio.run(demo, Console(highlight=False, soft_wrap=True), args.answer, args.pace))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
