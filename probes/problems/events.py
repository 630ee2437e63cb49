"""Problems of a session's events: what arrives wrong, late, twice or not at all. Values only."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

UNREADABLE = Problem(
    "EVENTS-UNREADABLE",
    "A frame isn't an event",
    "The Realtime API sends one complete JSON object in every text frame: something on the way truncates frames or "
    "adds its own.",
    "Try without the proxy, gateway or bridge in between; if it persists, report it to the server's operator",
)
REPEATED = Problem(
    "EVENTS-REPEATED",
    "Events arrived twice",
    "The same event with the same event_id was delivered again: something on the way resends.",
    "Look for a retry or a second subscription in the proxy, gateway or bridge; drop repeated event_ids",
)
OUT_OF_ORDER = Problem(
    "EVENTS-OUT-OF-ORDER",
    "Events arrived in an order that the protocol doesn't allow",
    "Something on the way drops, delays or merges events, or the server doesn't send them all, or in another order.",
    "Try without the proxy, gateway or bridge; if it persists, client code must not wait for the events that this row "
    "names",
)
MISSING = Problem(
    "EVENTS-MISSING",
    "Expected events never arrived",
    "The server doesn't send them, something on the way filters them, or they have other names.",
    "Compare the names in the timeline with those your code waits for; then try without the proxy, gateway or bridge",
)
ERROR_STORM = Problem(
    "EVENTS-ERROR-STORM",
    "The session is flooded with errors",
    "The same mistake is made again and again, or something on the way multiplies one error.",
    "Fix what the first error names, and show users one error at a time",
)
HARMLESS = Problem(
    "EVENTS-HARMLESS-ERRORS",
    "Harmless errors: two messages crossed on the way",
    "A response ended while its cancellation was on the way to the server.",
    "Nothing to do; have your own code ignore these codes too",
    Severity.INFO,
)
SILENT = Problem(
    "EVENTS-SILENT",
    "The server went silent while a response was due",
    "No event, no error and no close: the server hangs, or the connection is dead and neither side noticed "
    "(half-open).",
    "Add a watchdog to your code: open a new session after some seconds without an event",
)
UNANSWERED = Problem(
    "EVENTS-UNANSWERED",
    "A sent event is never confirmed",
    "The server, or something on the way, accepts this event and drops it without an error.",
    "Find the last event that was sent in the timeline, and try without the proxy, gateway or bridge",
)
NO_TRANSCRIPT = Problem(
    "EVENTS-NO-TRANSCRIPT",
    "No transcript of the user's speech arrives",
    "Transcription is configured, but neither a transcript nor a failure came. Audio declared below 24 kHz has the "
    "same effect.",
    "Declare audio/pcm with rate 24000 and send that; choose a transcription model that this key may use",
)
ANSWER_INCOMPLETE = Problem(
    "EVENTS-ANSWER-INCOMPLETE",
    "A response was cut off",
    "It reached its token limit, or a content filter stopped it; 'reason' says which.",
    "For max_output_tokens, raise it in session.update; for content_filter, review the instructions",
)
ANSWER_CANCELLED = Problem(
    "EVENTS-ANSWER-CANCELLED",
    "A response was cancelled without an interruption",
    "Another party in this session sent response.cancel, such as a gateway or a bridge.",
    "Find out in the log of the gateway or bridge what cancels it, and why",
)
ANSWER_EMPTY = Problem(
    "EVENTS-ANSWER-EMPTY",
    "A response completed without content",
    "The model or a compatible server returned nothing, or the events that carry the content are filtered out.",
    "Run it again; if it persists, try without the proxy, gateway or bridge, then another model",
)
NO_CALL = Problem(
    "EVENTS-NO-CALL",
    "No function was called, although a call was required",
    "The response was requested with tool_choice 'required': the server, or something on the way, ignores it.",
    "Compare tools and tool_choice in session.updated and response.created with what was sent",
)
NO_AUDIO = Problem(
    "EVENTS-NO-AUDIO",
    "A spoken response has no audio",
    "The response completed without a single audio delta: they are filtered, have another name, or were never "
    "produced.",
    "Check output_modalities in session.updated; your code must handle the audio delta of this dialect",
)
SILENT_AUDIO = Problem(
    "EVENTS-SILENT-AUDIO",
    "The audio of the response is silence",
    "Audio deltas came, but they contain no sound: the voice failed, or something replaced the audio.",
    "Try another voice; then try without the proxy, gateway or bridge",
)
AUDIO_STALLS = Problem(
    "EVENTS-AUDIO-STALLS",
    "The audio of the response stalls",
    "It arrived later than it had to be played, so the listener hears a gap. The service or the network was slow.",
    "Run it again, and from another network; the series of arrival times shows where the gap is",
)
SLOW_BARGE_IN = Problem(
    "EVENTS-SLOW-BARGE-IN",
    "The response talks on after it was interrupted",
    "Its audio was still arriving more than 300 ms after the interruption: the server, or something on the way, "
    "cancels late or has much audio in its queues. The way there and back is in this figure.",
    "Stop your player at the interruption and drop what still arrives of that item; look for queues in the proxy or "
    "bridge",
    Severity.WARNING,
)
SELF_INTERRUPTED = Problem(
    "EVENTS-SELF-INTERRUPTED",
    "A response was cancelled within 300 ms of its start",
    "Nobody interrupts that early on purpose: turn detection heard the assistant itself or noise, or the client "
    "cancels by mistake. 'reason' says which.",
    "For turn_detected: echo cancellation, headphones, a higher turn_detection.threshold; for client_cancelled, find "
    "what sends response.cancel or interrupt",
    Severity.WARNING,
)
PHANTOM_SPEECH = Problem(
    "EVENTS-PHANTOM-SPEECH",
    "Turn detection heard speech, although none was sent",
    "This script sends no audio, so something on the way does: a gateway that feeds the response back, or the audio of "
    "another session.",
    "Try without the proxy, gateway or bridge; if that helps, look there for what appends audio",
)
NOT_REFUSED = Problem(
    "EVENTS-NOT-REFUSED",
    "The server accepts events that the API refuses",
    "It ignores mistakes that the API reports with an error event, so tests against this server don't find them.",
    "Test your error handling against the API itself, or: sherpa-sim serve",
    Severity.WARNING,
)
TEXT_ONLY = Problem(
    "EVENTS-TEXT-ONLY",
    "The session responds with text, although audio is the default",
    "The client left output_modalities out, which means audio. The server has another default, or can't speak.",
    'Send output_modalities ["audio"]; if the session still says text, this server has no speech',
    Severity.WARNING,
)
NO_RATE_LIMITS = Problem(
    "EVENTS-NO-RATE-LIMITS",
    "No rate_limits.updated came with a response",
    "The API sends it with every response. This server doesn't, or something on the way drops it.",
    "Nothing to do, unless your code waits for it or reads its limits from it",
    Severity.INFO,
)
TOO_MUCH = Problem(
    "EVENTS-TOO-MUCH",
    "The session exceeded the limits of this script",
    "The server doesn't stop sending, or responds to each step just within the timeout.",
    "Look for what repeats in the timeline; a longer --timeout gives the script more time",
)
RECONNECTED = Problem(
    "EVENTS-RECONNECTED",
    "The bridge lost its upstream session and opened another one",
    "The service, or the network between the bridge and it, ended the session; the bridge continued with a new one.",
    "Look for the reason in the bridge's log; without --bridge, sherpa-probe events shows the service itself",
    Severity.WARNING,
)
CAPTURE_LOST = Problem(
    "EVENTS-CAPTURE-LOST",
    "The capture couldn't be written",
    "The file was writable when the run began but not at its end: the disk is full, or the folder was removed.",
    "Free some space or choose another path with --capture, then run it again",
    Severity.ERROR,
)
NOTHING_KEPT = Problem(
    "EVENTS-NOTHING-KEPT",
    "There is nothing to capture",
    "No session was opened, so no frame arrived, and a capture contains only frames.",
    "Fix the failed check, then run it again",
    Severity.INFO,
)
