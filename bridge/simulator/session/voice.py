"""The simulator's voice: babble with the rhythm of the text. The same text always sounds the same.

This is not speech synthesis. Each syllable is a vowel made of two formants, after a burst or a hum for its consonant.
The result is audible and loud enough for a VAD. `word_timings` says where each word is, to keep transcripts in step.
"""

from __future__ import annotations

import math
import random
import re
import zlib
from array import array
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bridge.protocol.audio.pcm import SAMPLE_RATE, SAMPLES_PER_MS, samples_to_pcm, silence

if TYPE_CHECKING:
    from collections.abc import Iterator

#: With these durations, everyday English comes to 150 to 180 words per minute.
CONSONANT_MS = 50
VOWEL_MS = 140
WORD_GAP_MS = 70
PAUSES_MS = {",": 160, ";": 200, ":": 200, ".": 320, "!": 320, "?": 320, "…": 320}

#: Voices share these pitches. Sounds are cached per pitch, so memory stays below 2 MB whatever names clients use.
_PITCHES_HZ = (105, 120, 140, 165, 190, 215)
_PEAK = 9_000
#: The first and second formant of each vowel in Hz, and their decay: rough averages for adults.
_VOWELS = {"a": (730, 1_090), "e": (530, 1_840), "i": (270, 2_290), "o": (570, 840), "u": (300, 870)}
_FORMANT_DECAY_HZ = (90, 130)
#: How the pitch changes within a syllable, by its position in the word: factors at its start and end.
_CONTOURS = ((1.08, 1.0), (1.0, 0.94), (0.94, 0.86))


@dataclass(frozen=True, slots=True)
class _Noise:
    """The sound of a consonant: the part of its time that it fills, its peak, its sharpness (1: hiss, 0: hum)."""

    part: float
    peak: int
    sharpness: float


_CONSONANTS = {
    **dict.fromkeys("sfzxcjh", _Noise(0.9, 1_800, 0.9)),
    **dict.fromkeys("ptkqbdg", _Noise(0.4, 2_600, 0.5)),
    **dict.fromkeys("mnlrvwy", _Noise(1.0, 2_200, 0.0)),
}
#: What can follow the last punctuation mark of a word.
_CLOSING = "\"')]}»\u201d\u2019"
_LETTER_GROUPS = re.compile(r"([^aeiouyAEIOUY]*)([aeiouyAEIOUY]+)")
_SOUND = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class _Syllable:
    """`consonant` is a key of `_CONSONANTS` or empty, `vowel` a key of `_VOWELS`."""

    consonant: str
    vowel: str

    @property
    def ms(self) -> int:
        return VOWEL_MS + (CONSONANT_MS if self.consonant else 0)


def synthesize(text: str, voice: str = "alloy") -> bytes:
    """Return `text` as PCM16 at 24 kHz, `duration_ms(text)` long. The voice name sets the pitch; any name works."""
    pitch = _PITCHES_HZ[zlib.crc32(voice.encode()) % len(_PITCHES_HZ)]
    return b"".join(_pieces(text, pitch))


def word_timings(text: str) -> list[tuple[str, int, int]]:
    """Return each word of `text.split()` with its start and end in the audio of `synthesize(text)`, in ms."""
    timings = []
    at = 0
    for word in text.split():
        end = at + sum(syllable.ms for syllable in _syllables(word))
        timings.append((word, at, end))
        at = end + _pause_ms(word)
    return timings


def duration_ms(text: str) -> int:
    """The duration of `synthesize(text)` in ms, pauses included."""
    return sum(_pause_ms(word) + sum(syllable.ms for syllable in _syllables(word)) for word in text.split())


def _pieces(text: str, pitch: int) -> Iterator[bytes]:
    for word in text.split():
        syllables = _syllables(word)
        for index, syllable in enumerate(syllables):
            if syllable.consonant:
                yield _consonant(syllable.consonant, pitch)
            yield _vowel(syllable.vowel, pitch, min(index, len(_CONTOURS) - 1))
        yield silence(_pause_ms(word))


def _pause_ms(word: str) -> int:
    return PAUSES_MS.get(word.rstrip(_CLOSING)[-1:], WORD_GAP_MS)


def _syllables(word: str) -> tuple[_Syllable, ...]:
    """Split a word at its vowels. A word without any (a number, another script, `hmm`) is split into characters."""
    if not _SOUND.search(word):
        return ()
    spoken = word[:-1] if len(word) > 3 and word.endswith("e") else word  # noqa: PLR2004 - the final e is mute in `rate`, not in `the`
    found = _LETTER_GROUPS.findall(spoken)
    if found:
        return tuple(_Syllable(_consonant_in(before), _vowel_for(vowels[0])) for before, vowels in found)
    return tuple(_Syllable(_consonant_in(letter), _vowel_for(letter)) for letter in _SOUND.findall(word))


def _consonant_in(letters: str) -> str:
    """The last letter with a consonant sound: the one next to the vowel. Empty if there is none."""
    return next((letter for letter in reversed(letters.lower()) if letter in _CONSONANTS), "")


def _vowel_for(letter: str) -> str:
    lower = letter.lower()
    return lower if lower in _VOWELS else "aeiou"[ord(letter) % len(_VOWELS)]


@cache
def _grain(vowel: str, pitch: int) -> list[float]:
    """One glottal pulse and its resonance in two formants: two pitch periods, from -1 to 1, fading out."""
    length = 2 * SAMPLE_RATE // pitch
    formants = [
        (2 * math.pi * hz / SAMPLE_RATE, math.exp(-math.pi * decay / SAMPLE_RATE))
        for hz, decay in zip(_VOWELS[vowel], _FORMANT_DECAY_HZ, strict=True)
    ]
    wave = [sum(decay**n * math.sin(step * n) for step, decay in formants) * (1 - n / length) for n in range(length)]
    peak = max(map(abs, wave))
    return [value / peak for value in wave]


@cache
def _vowel(vowel: str, pitch: int, contour: int) -> bytes:
    """Overlapping pulses whose distance follows the pitch, fading in and out."""
    length = VOWEL_MS * SAMPLES_PER_MS
    grain = _grain(vowel, pitch)
    wave = [0.0] * (length + len(grain))
    first, last = _CONTOURS[contour]
    at = 0
    while at < length:
        done = at / length
        strength = min(1.0, done * 8 + 0.2, (1 - done) * 4) * _PEAK
        for n, value in enumerate(grain, at):
            wave[n] += value * strength
        at += round(SAMPLE_RATE / (pitch * (first + (last - first) * done)))
    return _pcm(wave[:length])


@cache
def _consonant(letter: str, pitch: int) -> bytes:
    """Silence, then noise or a hum up to the start of the vowel."""
    sound = _CONSONANTS[letter]
    length = CONSONANT_MS * SAMPLES_PER_MS
    sounding = int(length * sound.part)
    rng = random.Random(letter)
    step = 2 * math.pi * pitch / SAMPLE_RATE
    wave = [0.0] * (length - sounding)
    for n in range(sounding):
        voiced = (1 - sound.sharpness) * math.sin(step * n)
        wave.append(sound.peak * math.sin(math.pi * n / sounding) * (voiced + sound.sharpness * rng.uniform(-1, 1)))
    return _pcm(wave)


def _pcm(wave: list[float]) -> bytes:
    """Convert samples to PCM16, clipped to 16 bits."""
    return samples_to_pcm(array("h", [max(-32_768, min(32_767, round(value))) for value in wave]))
