"""Mistakes in what was heard of an answer."""

from __future__ import annotations

from tests.core.mutant import Mutant

HEARD_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "to_upstream",
        "_played_ms(data, item_id) if event.played_ms is None else event.played_ms",
        "event.played_ms",
        "an interruption forgets what was played",
    ),
    Mutant(
        "to_upstream",
        "if playback is not None and playback.item_id == item_id else None",
        "if playback is not None else None",
        "what was played of one item cuts another",
    ),
    Mutant(
        "to_upstream",
        "        data.history.record_played(item_id, played_ms)\n",
        "",
        "a fresh session is told what an interruption cut",
    ),
    Mutant(
        "to_upstream",
        "    data.history.record_played(playback.item_id, playback.played_ms)\n",
        "",
        "a fresh session is told what nobody heard",
    ),
    Mutant(
        "to_client",
        "spoken_bytes += len(frame) - FRAME_BYTES",
        "spoken_bytes = len(frame) - FRAME_BYTES",
        "only the last audio counts",
    ),
    Mutant(
        "to_client", ".spoken_bytes = item_id, 0", ".spoken_bytes = item_id, 10**9", "answers are measured together"
    ),
    Mutant(
        "history", "            if turn.heard or not turn.text\n", "", "an answer that nobody heard is told as empty"
    ),
    Mutant("history", '"text": turn.heard}', '"text": turn.text}', "a fresh session is told everything"),
    Mutant("speech/heard", "sent_ms - _SLACK_MS", "sent_ms + 1e9", "the last word is always cut"),
)
