"""What was measured in a session: latencies, how the audio kept up with being played, and the timeline of it all.

Pure arithmetic on the entries, so a kept session gives the same figures. Times are seconds since the run began.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from probes.conversation.facts import TURN_ENDED
from reports.model import Moment, ReportMetric, Series, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from probes.conversation.facts import ResponseFacts, SessionFacts
    from probes.recording.capture import CaptureEntry, CaptureHeader

AudioChunks = list[tuple[float, float]]
"""Audio as it came: when, and how many ms of it."""

#: RFC 3550 6.4.1 smooths jitter with this gain.
_JITTER_GAIN = 1 / 16
#: Events that come in streams, and stand in the timeline as one line.
_STREAMS = (".delta", ".append")
_AUDIO = frozenset({"audio"})


def session_metrics(header: CaptureHeader, facts: SessionFacts, ended_at: float) -> Iterator[ReportMetric]:
    """Give the figures of a session; one that was not reached has no figure, never a 0."""
    moments = {"connect": header.connected_at, "first_event": facts.first_event_at, "ready": facts.ready_at}
    yield from (ReportMetric(f"events_{name}_seconds", at) for name, at in moments.items() if at is not None)
    answer = next(iter(facts.responses.values()), None)
    if answer is not None and facts.turns_ended_at:
        yield from _answered(answer, facts.turns_ended_at[0])
    if facts.responses:
        longest = max(facts.responses.values(), key=lambda one: one.audio_ms)
        yield from _heard(longest.audio_chunks)
    audio_ms = sum(one.audio_ms for one in facts.responses.values())
    if audio_ms:
        yield ReportMetric("events_audio_seconds", audio_ms / 1000)
    yield ReportMetric("events_total", float(facts.event_counts.total()))
    yield ReportMetric("events_session_seconds", ended_at)


def _answered(answer: ResponseFacts, asked_at: float) -> Iterator[ReportMetric]:
    """How long the first answer took, from the end of the user's turn."""
    first_audio = answer.audio_chunks[0][0] if answer.audio_chunks else None
    done = answer.done_at if answer.status else None
    for name, at in (("first_text", answer.first_text_at), ("first_audio", first_audio), ("done", done)):
        if at is not None:
            yield ReportMetric(f"events_{name}_seconds", max(0.0, at - asked_at))


def _heard(pieces: AudioChunks) -> Iterator[ReportMetric]:
    """How one answer's audio arrived."""
    if len(pieces) < 2:  # noqa: PLR2004 - a gap has two sides
        return
    yield ReportMetric("events_audio_gap_max_seconds", max(arrival_gaps(pieces)))
    yield ReportMetric("events_audio_hole_max_seconds", max(playback_gaps(pieces), default=0.0))
    yield ReportMetric("events_audio_jitter_seconds", jitter(pieces))
    took = pieces[-1][0] - pieces[0][0]
    if took > 0:
        yield ReportMetric("events_real_time_factor", sum(ms for _, ms in pieces[:-1]) / 1000 / took)


def arrival_gaps(pieces: AudioChunks) -> list[float]:
    """Give the seconds from each piece to the one behind it."""
    return [then - now for (now, _), (then, _) in pairwise(pieces)]


def jitter(pieces: AudioChunks) -> float:
    """Give the interarrival jitter of RFC 3550, in seconds: how far arrivals stray from the pace of the audio itself.

    A service that sends faster than speech strays all the time, and harmlessly: read it beside the holes.
    """
    smoothed = 0.0
    for (now, ms), (then, _) in pairwise(pieces):
        smoothed += (abs(then - now - ms / 1000) - smoothed) * _JITTER_GAIN
    return smoothed


def playback_gaps(pieces: AudioChunks) -> list[float]:
    """Give the holes, in seconds, that a player makes who begins with the first piece and waits for a late one."""
    found = []
    played_until = pieces[0][0] if pieces else 0.0
    for at, ms in pieces:
        if at > played_until:
            found.append(at - played_until)
        played_until = max(played_until, at) + ms / 1000
    return found


def playback_lead(pieces: AudioChunks) -> list[tuple[float, float]]:
    """Give for each piece how many ms of audio are waiting to be played when it has come; below 0: a hole was heard."""
    points = []
    played_until = pieces[0][0] if pieces else 0.0
    for at, ms in pieces:
        late = at - played_until
        points.append((at, ms - late * 1000))
        played_until = max(played_until, at) + ms / 1000
    return points


def audio_series(name: str, facts: SessionFacts) -> Iterator[Series]:
    """Give what is worth plotting: how far the audio was ahead of being played, and the gaps between its pieces."""
    spoken = [answer.audio_chunks for answer in facts.responses.values() if len(answer.audio_chunks) > 1]
    if not spoken:
        return
    points = tuple(point for pieces in spoken for point in playback_lead(pieces))
    yield Series(name="audio ahead of playback", unit="ms", timeline=name, points=points)
    behind = (zip((at for at, _ in pieces[1:]), arrival_gaps(pieces), strict=True) for pieces in spoken)
    told = tuple((at, gap * 1000) for one in behind for at, gap in one)
    yield Series(name="audio delta, behind the one before", unit="ms", timeline=name, points=told)


def build_timeline(name: str, entries: Iterable[CaptureEntry], *, show_content: bool = False) -> Timeline:
    """Put every event on a timeline. Streams that run side by side become one line each, as the terminal shows them."""
    moments: list[Moment] = []
    growing: dict[tuple[str, str], list[CaptureEntry]] = {}
    for entry in entries:
        if not _is_stream(entry):
            moments += (_folded(run, show_content=show_content) for run in growing.values())
            growing = {}
            moments.append(timeline_moment(entry, show_content=show_content))
        else:
            growing.setdefault((entry.who, entry.type), []).append(entry)
    moments += (_folded(run, show_content=show_content) for run in growing.values())
    return Timeline(name, tuple(moments))


def timeline_moment(entry: CaptureEntry, *, show_content: bool = False) -> Moment:
    """Put one entry on the timeline."""
    return _folded([entry], show_content=show_content)


def _is_stream(entry: CaptureEntry) -> bool:
    return entry.type.endswith(_STREAMS) or (entry.who == "client" and entry.type in _AUDIO)


def _folded(run: Sequence[CaptureEntry], *, show_content: bool) -> Moment:
    first, last = run[0], run[-1]
    return Moment(
        at=first.at,
        who="probe" if first.type == TURN_ENDED else first.who,
        what=first.type or f"({first.unreadable or 'no type'})",
        detail=_detail(run, show_content=show_content),
        count=len(run),
        until=last.at if len(run) > 1 else None,
    )


def _detail(run: Sequence[CaptureEntry], *, show_content: bool) -> str:
    """Say what is worth reading of an event, or of a run of them; of content only how much there is."""
    event = run[0].event
    sound = sum(entry.audio_ms for entry in run)
    if sound:
        return f"{sound:.0f} ms of audio"
    texts = [
        entry.event[key] for entry in run for key in ("delta", "transcript", "text", "arguments") if _text(entry, key)
    ]
    if texts and run[0].who != "client":
        words = "".join(texts)
        return words if show_content else f"{len(words)} characters"
    if run[0].detail:
        return run[0].detail if len(run) == 1 else f"{run[0].detail} each"
    return _structural(event)


def _text(entry: CaptureEntry, key: str) -> bool:
    found = entry.event.get(key)
    return isinstance(found, str) and bool(found)


def _structural(event: dict[str, object]) -> str:
    match event:
        case {"type": "error", "error": {"code": code, "message": message}}:
            return f"{code}: {message}"
        case {"type": "error", "code": code}:
            return str(code)
        case {"session": {"id": str(name)}}:
            return name
        case {"response": {"status": str(status)}}:
            return status
        case {"audio_start_ms": ms} | {"audio_end_ms": ms}:
            return f"at {ms} ms of audio"
        case {"item": {"type": str(kind)} as item}:
            role = item.get("role") if isinstance(item, dict) else None
            return f"{role} {kind}" if role else kind
    return ""
