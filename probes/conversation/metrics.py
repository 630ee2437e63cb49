"""Measurements of a session: latencies, whether the audio kept up with playback, and the timeline.

Pure arithmetic on the entries, so a session read from a file gives the same figures. Times are seconds since the run
began.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from probes.conversation.facts import TURN_ENDED
from probes.conversation.spending import spending_metrics
from reports.model import Moment, ReportMetric, Series, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from probes.conversation.facts import SessionFacts
    from probes.conversation.response_facts import ResponseFacts
    from probes.recording.capture import CaptureEntry, CaptureHeader

AudioChunks = list[tuple[float, float]]
"""Audio as it arrived: time of each chunk, and its length in ms."""

#: The smoothing gain of RFC 3550, section 6.4.1.
_JITTER_GAIN = 1 / 16
#: Types of streamed events, which the timeline shows as one line.
_STREAMS = (".delta", ".append")
_AUDIO = frozenset({"audio"})
#: Types of markers as the timeline shows them.
_SHOWN_TYPES = {TURN_ENDED: "end of the user's turn"}


def session_metrics(header: CaptureHeader, facts: SessionFacts, ended_at: float) -> Iterator[ReportMetric]:
    """Yield the metrics of a session. What was not reached has no metric, never a 0."""
    moments = {"connect": header.connected_at, "first_event": facts.first_event_at, "ready": facts.ready_at}
    yield from (ReportMetric(f"events_{name}_seconds", at) for name, at in moments.items() if at is not None)
    response = next(iter(facts.responses.values()), None)
    if response is not None and facts.turns_ended_at:
        yield from _response_metrics(response, facts.turns_ended_at[0])
    if facts.responses:
        longest = max(facts.responses.values(), key=lambda response: response.audio_ms)
        yield from _audio_metrics(longest.audio_chunks)
    audio_ms = sum(response.audio_ms for response in facts.responses.values())
    if audio_ms:
        yield ReportMetric("events_audio_seconds", audio_ms / 1000)
    yield from spending_metrics(facts)
    yield ReportMetric("events_total", float(facts.event_counts.total()))
    yield ReportMetric("events_session_seconds", ended_at)


def _response_metrics(response: ResponseFacts, asked_at: float) -> Iterator[ReportMetric]:
    """Yield how long the first response took from the end of the user's turn."""
    first_audio = response.audio_chunks[0][0] if response.audio_chunks else None
    done = response.done_at if response.status else None
    for name, at in (("first_text", response.first_text_at), ("first_audio", first_audio), ("done", done)):
        if at is not None:
            yield ReportMetric(f"events_{name}_seconds", max(0.0, at - asked_at))


def _audio_metrics(chunks: AudioChunks) -> Iterator[ReportMetric]:
    """Yield how the audio of one response arrived."""
    if len(chunks) < 2:  # noqa: PLR2004 - a gap needs two chunks
        return
    yield ReportMetric("events_audio_gap_max_seconds", max(arrival_gaps(chunks)))
    yield ReportMetric("events_audio_hole_max_seconds", max(playback_gaps(chunks), default=0.0))
    yield ReportMetric("events_audio_jitter_seconds", jitter(chunks))
    took = chunks[-1][0] - chunks[0][0]
    if took > 0:
        yield ReportMetric("events_real_time_factor", sum(ms for _, ms in chunks[:-1]) / 1000 / took)


def arrival_gaps(chunks: AudioChunks) -> list[float]:
    """Return the seconds between successive chunks."""
    return [then - now for (now, _), (then, _) in pairwise(chunks)]


def jitter(chunks: AudioChunks) -> float:
    """Return the interarrival jitter of RFC 3550 in seconds: how far arrivals deviate from the rate of the audio.

    A service that sends faster than real time always deviates, which is harmless: read it together with the gaps.
    """
    smoothed = 0.0
    for (now, ms), (then, _) in pairwise(chunks):
        smoothed += (abs(then - now - ms / 1000) - smoothed) * _JITTER_GAIN
    return smoothed


def playback_gaps(chunks: AudioChunks) -> list[float]:
    """Return the playback gaps in seconds of a player that starts with the first chunk and waits for late ones."""
    found = []
    played_until = chunks[0][0] if chunks else 0.0
    for at, ms in chunks:
        if at > played_until:
            found.append(at - played_until)
        played_until = max(played_until, at) + ms / 1000
    return found


def playback_lead(chunks: AudioChunks) -> list[tuple[float, float]]:
    """Return the arrival time of each chunk and how many ms are buffered then; below 0, the listener heard a gap."""
    points = []
    played_until = chunks[0][0] if chunks else 0.0
    for at, ms in chunks:
        late = at - played_until
        points.append((at, ms - late * 1000))
        played_until = max(played_until, at) + ms / 1000
    return points


def audio_series(name: str, facts: SessionFacts) -> Iterator[Series]:
    """Yield the series to plot: how far the audio was ahead of playback, and the time between chunks."""
    spoken = [response.audio_chunks for response in facts.responses.values() if len(response.audio_chunks) > 1]
    if not spoken:
        return
    points = tuple(point for chunks in spoken for point in playback_lead(chunks))
    yield Series(name="audio ahead of playback", unit="ms", timeline=name, points=points)
    timed_gaps = (zip((at for at, _ in chunks[1:]), arrival_gaps(chunks), strict=True) for chunks in spoken)
    gaps = tuple((at, gap * 1000) for series in timed_gaps for at, gap in series)
    yield Series(name="time between audio deltas", unit="ms", timeline=name, points=gaps)


def build_timeline(name: str, entries: Iterable[CaptureEntry], *, show_content: bool = False) -> Timeline:
    """Put every event on a timeline. Interleaved streams become one line each, as the terminal shows them."""
    moments: list[Moment] = []
    streams: dict[tuple[str, str], list[CaptureEntry]] = {}
    for entry in entries:
        if not _is_stream(entry):
            moments += (_fold(run, show_content=show_content) for run in streams.values())
            streams = {}
            moments.append(timeline_moment(entry, show_content=show_content))
        else:
            streams.setdefault((entry.who, entry.type), []).append(entry)
    moments += (_fold(run, show_content=show_content) for run in streams.values())
    return Timeline(name, tuple(moments))


def timeline_moment(entry: CaptureEntry, *, show_content: bool = False) -> Moment:
    """Put one entry on the timeline."""
    return _fold([entry], show_content=show_content)


def _is_stream(entry: CaptureEntry) -> bool:
    return entry.type.endswith(_STREAMS) or (entry.who == "client" and entry.type in _AUDIO)


def _fold(run: Sequence[CaptureEntry], *, show_content: bool) -> Moment:
    first, last = run[0], run[-1]
    return Moment(
        at=first.at,
        who="probe" if first.type == TURN_ENDED else first.who,
        what=_SHOWN_TYPES.get(first.type, first.type) or f"({first.unreadable or 'no type'})",
        detail=_detail(run, show_content=show_content),
        count=len(run),
        until=last.at if len(run) > 1 else None,
    )


def _detail(run: Sequence[CaptureEntry], *, show_content: bool) -> str:
    """Summarize an event, or a run of them; content is given as a length unless it is to be shown."""
    event = run[0].event
    audio_ms = sum(entry.audio_ms for entry in run)
    if audio_ms:
        return f"{audio_ms:.0f} ms of audio"
    texts = [
        entry.event[key]
        for entry in run
        for key in ("delta", "transcript", "text", "arguments")
        if _has_text(entry, key)
    ]
    if texts and run[0].who != "client":
        text = "".join(texts)
        return text if show_content else f"{len(text)} characters"
    if run[0].detail:
        return run[0].detail if len(run) == 1 else f"{run[0].detail} each"
    return _summary(event)


def _has_text(entry: CaptureEntry, key: str) -> bool:
    found = entry.event.get(key)
    return isinstance(found, str) and bool(found)


def _summary(event: dict[str, object]) -> str:
    match event:
        case {"type": "error", "error": {"code": str(name), "message": message}}:
            return f"{name}: {message}"
        case {"type": "error", "error": {"type": name, "message": message}}:
            return f"{name}: {message}"
        case {"type": "error", "code": code}:
            return str(code)
        case {"session": {"id": str(name)}}:
            return name
        case {"response": {"status": str(status)}}:
            return status
        case {"audio_start_ms": int(ms)} | {"audio_end_ms": int(ms)}:
            return f"at {ms} ms of audio"
        case {"item": {"type": str(kind)} as item}:
            role = item.get("role") if isinstance(item, dict) else None
            return f"{role} {kind}" if role else kind
    return ""
