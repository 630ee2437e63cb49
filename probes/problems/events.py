"""Problems of a session's events: what comes wrongly, late, twice or not at all. Values only; see `problems.py`."""

from __future__ import annotations

from functools import partial

from reports.model import Severity
from reports.problem import Problem

_Events = partial(Problem, probe="events")

UNREADABLE = _Events(
    "UNREADABLE",
    "A frame was no event",
    "The Realtime API sends one whole JSON object in every text frame: something cuts frames, or adds some of its own.",
    "Try once without the proxy, gateway or bridge in between; then report it to whoever runs the server",
)
REPEATED = _Events(
    "REPEATED",
    "Events came twice",
    "The same event, id and all, was delivered again: something in between sends again what had arrived.",
    "Look for a retry or a second subscription in the proxy, gateway or bridge; drop events whose event_id was seen",
)
OUT_OF_ORDER = _Events(
    "OUT-OF-ORDER",
    "Events came in an order that the protocol does not have",
    "Something in between drops, delays or merges events, or the server makes them in another order.",
    "Try once without the proxy, gateway or bridge; if it stays, client code must not rely on the rule that is named",
)
MISSING = _Events(
    "MISSING",
    "Events that belong to this session never came",
    "The server does not send them, something in between filters them, or they go by other names.",
    "Compare the names in the timeline with those your code waits for; then try without what stands in between",
)
ERROR_STORM = _Events(
    "ERROR-STORM",
    "The session is flooded with errors",
    "The same mistake is made again and again, or something in between multiplies one error.",
    "Mend what the first error names, and show users one error at a time, however many come",
)
HARMLESS = _Events(
    "HARMLESS-ERRORS",
    "Errors came that say nothing but that two messages crossed on the way",
    "An answer ended by itself while its cancellation was on the way to the server.",
    "Nothing is to be done; let your own code ignore these codes too",
    severity=Severity.INFO,
)
SILENT = _Events(
    "SILENT",
    "An answer is owed, and nothing more comes",
    "No error and no close: the server hangs, or the line is dead and nobody has noticed (half-open).",
    "Watch for silence in your own code: after some seconds without any event open a fresh session",
)
UNANSWERED = _Events(
    "UNANSWERED",
    "What was sent is never confirmed",
    "The server or something in between takes this event and drops it without a word.",
    "Look in the timeline for the last event that was sent, and try once without what stands in between",
)
NO_TRANSCRIPT = _Events(
    "NO-TRANSCRIPT",
    "What was said is never written down",
    "Transcription was confirmed; neither a transcript nor a failure came. Audio declared below 24 kHz ends so too.",
    "Declare audio/pcm with rate 24000 and send that; name a transcription model that this key may use",
)
ANSWER_INCOMPLETE = _Events(
    "ANSWER-INCOMPLETE",
    "An answer was cut short",
    "It reached its limit of tokens, or a content filter ended it; 'reason' says which.",
    "For max_output_tokens raise that in session.update; for content_filter look at the instructions",
)
ANSWER_CANCELLED = _Events(
    "ANSWER-CANCELLED",
    "An answer was cancelled that nobody interrupted",
    "Another party of this session sent response.cancel, such as a gateway or a bridge.",
    "Look in the gateway's or bridge's log for who cancels, and why",
)
ANSWER_EMPTY = _Events(
    "ANSWER-EMPTY",
    "An answer completed without a word in it",
    "The model or a compatible server gave nothing, or the events that carry the words are filtered out.",
    "Ask again by hand; if it stays, try without what stands in between, then another model",
)
NO_CALL = _Events(
    "NO-CALL",
    "No function was called, although one had to be",
    "The answer was asked for with tool_choice 'required': the server or something in between ignores it.",
    "Compare tools and tool_choice in session.updated and response.created with what was sent",
)
NO_AUDIO = _Events(
    "NO-AUDIO",
    "A spoken answer came without sound",
    "The answer completed, and not one audio delta came: filtered, renamed, or never made.",
    "Check output_modalities in session.updated; your code must listen to the audio delta of this very dialect",
)
SILENT_AUDIO = _Events(
    "SILENT-AUDIO",
    "The audio of the answer is silence",
    "Deltas came, and nothing can be heard in them: a failed voice, or audio that something replaced.",
    "Try another voice; then try without what stands in between",
)
AUDIO_STALLS = _Events(
    "AUDIO-STALLS",
    "The answer's audio stops in the middle of it",
    "It arrived later than it is played: whoever listened heard a hole. The service was slow, or the line was.",
    "Run it again, and from another network; the series of arrivals shows where the hole is",
)
TOO_MUCH = _Events(
    "TOO-MUCH",
    "The session did not come to an end within the bounds of this script",
    "The server sends without end, or answers each step only just within the time-out.",
    "Look at the timeline for what repeats; a longer --timeout gives the script more time",
)
RECONNECTED = _Events(
    "RECONNECTED",
    "The bridge lost its upstream session and opened another one",
    "The service or the line between it and the bridge ended the session; the bridge went on with a fresh one.",
    "Look in the bridge's log for the reason; sherpa-probe events, without --bridge, shows the service itself",
    severity=Severity.WARNING,
)
CAPTURE_LOST = _Events(
    "CAPTURE-LOST",
    "The capture could not be written",
    "Its place could be written when the run began and no longer at its end: the disk is full, or the folder is gone.",
    "Make room or name another place with --capture, then run it again",
    severity=Severity.ERROR,
)
NOTHING_KEPT = _Events(
    "NOTHING-KEPT",
    "There is nothing to keep",
    "No session was reached, so that no frame came; a capture holds frames and nothing else.",
    "Mend what the failed row names, then run it again",
    severity=Severity.INFO,
)
