"""Mistakes in what operators are told of interruptions."""

from __future__ import annotations

from tests.core.mutant import Mutant

INTERRUPTION_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "speech/interruptions",
        "playing.now(now) >= sent_ms",
        "playing.now(now) > sent_ms + 1000",
        "every turn speaks over the answer before it",
    ),
    Mutant(
        "speech/interruptions",
        "        self._position = self._spoke_up = None\n",
        "        self._spoke_up = None\n",
        "an answer that was silenced plays on",
    ),
    Mutant(
        "speech/interruptions",
        "if playing.reported else None",
        "if playing else None",
        "a client that reports nothing counts as slow",
    ),
    Mutant(
        "speech/interruptions",
        "        self._spoke_up = None\n        return",
        "        return",
        "told again and again",
    ),
    Mutant(
        "speech/interruptions",
        "self._spoke_up[0] != item_id",
        "self._spoke_up[0] == item_id",
        "what is played of one item speaks for another",
    ),
    Mutant("speech/interruptions", "now, reported=True)", "0.0, reported=True)", "a report ages from the beginning"),
    Mutant("to_client", "data.now - done.created_at < CUT_SHORT", "data.now < CUT_SHORT", "no answer is cut short"),
    Mutant(
        "to_client",
        'response.get("status") == "cancelled" and',
        'response.get("status") != "failed" and',
        "a short answer counts as cancelled",
    ),
    Mutant(
        "to_client", "            if not responses.spoken_bytes:\n", "            if False:\n", "no answer ever plays"
    ),
    Mutant(
        "to_upstream",
        "    _note_barge_in(data, data.generation.interruptions.silenced(item_id, played_ms))\n",
        "",
        "an interruption ends nothing",
    ),
)
