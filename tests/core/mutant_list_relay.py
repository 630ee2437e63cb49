"""Mistakes in what passes through a ready session: the short way, and the speech that is kept."""

from __future__ import annotations

from tests.core.mutant import Mutant

RELAY_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "session",
        "        data.generation.replay.audio_sent(pcm)\n        return True",
        "        return True",
        "speech that was relayed is never replayed",
    ),
    Mutant(
        "session",
        "not data.now <= now < self._next_deadline:\n            return False\n        data.now = now\n        data",
        "not data.now <= now:\n            return False\n        data.now = now\n        data",
        "while somebody speaks nothing is due",
    ),
    Mutant(
        "session",
        "not data.now <= now < self._next_deadline:\n            return False\n        if gen",
        "not data.now <= now:\n            return False\n        if gen",
        "while the service speaks nothing is due",
    ),
    Mutant(
        "session",
        "        data.now = now\n        data.generation.replay.audio_sent(pcm)\n        return",
        "        data.generation.replay.audio_sent(pcm)\n        return",
        "time stands still while somebody speaks",
    ),
    Mutant(
        "session",
        "        data.now = now\n        to_client.record(data, event_type, frame)\n",
        "        to_client.record(data, event_type, frame)\n",
        "a session that talks stalls",
    ),
    Mutant(
        "session",
        "        to_client.record(data, event_type, frame)\n",
        "        data.generation.last_event_at = now\n",
        "what was relayed answers nothing and proves no silence",
    ),
    Mutant(
        "session",
        "        to_client.record(data, event_type, frame)\n",
        "        data.generation.replay.event_received(now)\n",
        "an answer that was relayed is given again",
    ),
    Mutant(
        "session",
        "        if generation != data.generation.number:\n            return False\n",
        "",
        "late audio is relayed",
    ),
    Mutant(
        "to_client",
        "    generation.last_event_at = data.now\n    if event_type in KEPT_EVENTS:",
        "    if event_type in KEPT_EVENTS:",
        "events do not count as a sign of life",
    ),
    Mutant(
        "to_client",
        "    generation.replay.event_received(data.now)\n",
        "",
        "silence is never forgotten",
    ),
    Mutant(
        "speech/replay_buffer",
        "if audio.end - audio.start > self._bound:",
        "if False:",
        "speech is kept without a bound",
    ),
    Mutant(
        "speech/replay_buffer", "        self._audio.seal()\n", "", "a commit moves behind speech that came after it"
    ),
    Mutant("speech/kept_audio", "if size >= SMALL_BYTES:", "if size:", "single samples are kept as objects"),
    Mutant(
        "speech/kept_audio",
        "            chunks.append(self.end - end)\n",
        "            pass\n",
        "a gap moves what is behind it",
    ),
    Mutant("speech/kept_audio", "                self._gaps -= first\n", "", "a gap that was released still counts"),
    Mutant("speech/kept_audio", "                self._gaps -= last\n", "", "a gap in a gap counts twice"),
    Mutant(
        "speech/kept_audio",
        "                chunks.append(last[: position - end])\n",
        "",
        "taking back takes the whole chunk",
    ),
)
