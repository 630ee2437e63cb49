"""Problems of a bridge itself: how it accepts clients, and what it does with their speech. Values only.

What it reports about the service behind it, by the error codes of the client protocol, is in `bridge_codes.py`.
"""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

# Connecting

NOT_FOUND = Problem(
    "BRIDGE-NOT-FOUND",
    "There is no bridge at this path",
    "A server answers, but has nothing at this path: the bridge is mounted elsewhere, or a proxy rewrites the path.",
    "Give the full URL: sherpa-probe bridge --url ws://HOST:PORT/api/openai/realtime (native: /v1/realtime)",
)
NOT_A_BRIDGE = Problem(
    "BRIDGE-NOT-A-BRIDGE",
    "The server at this URL isn't a voice bridge",
    "It is a web page, another kind of server, or a proxy that doesn't forward 'Upgrade: websocket'.",
    "Correct the bridge's URL, or configure the proxy to forward the Upgrade and Connection headers",
)
OTHER_ENDPOINT = Problem(
    "BRIDGE-OTHER-DOOR",
    "This URL is the other kind of endpoint",
    "The client endpoint speaks the client protocol and sends 'connected' first; the native endpoint speaks the "
    "service's own events.",
    "For native events: --url .../v1/realtime; for the client protocol: --url .../api/openai/realtime",
)
HEALTH_UNASKED = Problem(
    "BRIDGE-HEALTH-UNASKED",
    "The health endpoints can't be read",
    "The server accepts WebSockets but doesn't answer plain HTTP requests.",
    "Nothing to do; with /healthz and /readyz an orchestrator can monitor the bridge",
    Severity.INFO,
)
HEALTH_NOT_OFFERED = Problem(
    "BRIDGE-HEALTH-NOT-OFFERED",
    "The bridge has no health endpoints",
    "Its answers to /healthz and /readyz are not health reports.",
    "Nothing to do; with /healthz and /readyz an orchestrator can monitor the bridge",
    Severity.INFO,
)
UNAUTHORIZED = Problem(
    "BRIDGE-UNAUTHORIZED",
    "The bridge requires a token, or refuses the one it got",
    "It answered 401 before the upgrade: no token was sent, it is the wrong one, or a ticket has already been used.",
    "Put the bridge's client token into an environment variable and name it: --client-token-env NAME",
)
ORIGIN_NOT_ALLOWED = Problem(
    "BRIDGE-ORIGIN-NOT-ALLOWED",
    "The bridge accepts only certain web origins",
    "It answered 403: it requires an allowed Origin header, which this probe, not being a browser, doesn't have.",
    "Send a token instead: --client-token-env NAME; for your page: sherpa-bridge serve --allow-origin ORIGIN",
)
FORBIDDEN = Problem(
    "BRIDGE-FORBIDDEN",
    "The upgrade is forbidden",
    "The 403 doesn't come from a bridge: a gateway, a firewall or an address rule in front of it refuses.",
    "Identify the server by the headers of its answer, and have it allow this machine",
)
NO_GREETING = Problem(
    "BRIDGE-NO-GREETING",
    "The socket opens, but the bridge doesn't send 'connected'",
    "It waits for something first, or hangs; a client can't tell whether the bridge is working.",
    "Send 'connected' with clientId and protocol as the first message of every socket, before connecting upstream",
)
HUNG_UP = Problem(
    "BRIDGE-HUNG-UP",
    "The bridge closes the socket in the middle of the session",
    "The bridge lost the service and doesn't reconnect, a bug in it ended the session, a limit was reached, or a proxy "
    "on the way closed the connection.",
    "Check the bridge's log at this time; sherpa-probe explain CODE describes the close code",
)
NOT_RECONNECTED = Problem(
    "BRIDGE-NOT-RECONNECTED",
    "The bridge doesn't reconnect: it ends the call when it loses the service",
    "The connection to the service dropped, and the bridge passed that on to its client instead of opening another "
    "session. Every drop, and every session's end after 60 minutes, cuts off its caller.",
    "Open another upstream session with the same configuration and history, and send again the speech that got no "
    "answer; to test that: sherpa-load run reconnect-storm --target URL",
)
BROKEN_FRAMES = Problem(
    "BRIDGE-BROKEN-FRAMES",
    "The bridge violates the WebSocket protocol",
    "An invalid frame (1002), text that isn't UTF-8 (1007), or a message over 16 MiB (1009).",
    "Send through a WebSocket library, text as UTF-8; then try without a proxy in between",
)
NOT_READY = Problem(
    "BRIDGE-NOT-READY",
    "The bridge reports that it isn't ready",
    "GET /readyz returns 503: the bridge is draining, or its latest upstream attempts all failed.",
    "If it is draining, wait for its replacement; if not, the answer and the rows below give the reason",
    Severity.WARNING,
)
UNHEALTHY = Problem(
    "BRIDGE-UNHEALTHY",
    "The bridge's health endpoint fails",
    "GET /healthz or /readyz returns an unexpected error instead of a health report.",
    "Check the bridge's log; orchestrators restart a bridge that answers like this",
    Severity.WARNING,
)

# Opening a session
NO_PONG = Problem(
    "BRIDGE-NO-PONG",
    "The bridge doesn't answer 'ping'",
    "Clients use it to check that the connection is alive; without an answer they drop a working connection.",
    "Answer {'type': 'ping', 'id': X} with {'type': 'pong', 'id': X} at once, and send nothing upstream for it",
)
NO_SESSION_READY = Problem(
    "BRIDGE-NO-SESSION-READY",
    "create_session gets no result",
    "Neither session_ready nor an error came: an upstream attempt hangs without a timeout, or its failure is "
    "swallowed.",
    "Limit each attempt (10 s), retry with exponential backoff, and end with session_ready or an error that says why",
)
READY_TOO_EARLY = Problem(
    "BRIDGE-READY-TOO-EARLY",
    "session_ready comes before the service has confirmed the session",
    "The bridge sends it when its socket opens, or on session.created; the configuration may still be refused.",
    "Wait for session.created, send the configuration, wait for session.updated, and only then send session_ready",
)
INIT_NOT_FORWARDED = Problem(
    "BRIDGE-INIT-NOT-FORWARDED",
    "The first events of the session are not forwarded",
    "session.created and session.updated stay in the bridge, so the client can't see which configuration is in effect.",
    "Forward every server event except 'error', the first ones before session_ready",
    Severity.WARNING,
)
EARLY_SPEECH_LOST = Problem(
    "BRIDGE-EARLY-SPEECH-LOST",
    "Speech from before the session is ready is lost",
    "Audio that arrives while the session is being created is discarded, so every caller's first words are missing.",
    "Buffer it, in order and with a limit, and send it right after session_ready; report its length in bufferedMs",
)
EARLY_SPEECH_UNSEEN = Problem(
    "BRIDGE-EARLY-SPEECH-UNSEEN",
    "Can't determine whether early speech was buffered",
    "The session was ready before the audio could have been read, or the bridge doesn't report how much it buffered.",
    "Probe a bridge on a slower simulator that echoes: sherpa-sim serve --scenario echo",
    Severity.INFO,
)
SPEECH_DROPPED = Problem(
    "BRIDGE-SPEECH-DROPPED",
    "The bridge reports that it dropped speech",
    "audio_dropped came for one second of speech: the bridge's audio buffer is too small, or its upstream too slow.",
    "Buffer at least 30 s of speech, and check how long the session takes to become ready",
)

# Speech and responses
NOTHING_FORWARDED = Problem(
    "BRIDGE-NOTHING-FORWARDED",
    "No event of the service reaches the client",
    "The session is ready, but no server event arrived: the bridge doesn't read them, or filters them all.",
    "Forward every server event except 'error' unchanged and in order; log the types you don't know",
)
SPEECH_NOT_TAKEN = Problem(
    "BRIDGE-SPEECH-NOT-TAKEN",
    "Speech doesn't reach the service",
    "Audio and its end were sent to the bridge, but the service reports no turn: audio or its commit isn't forwarded.",
    "Send audio upstream as base64 in input_audio_buffer.append, never as a binary frame, and audio_commit as "
    "...commit",
)
NO_SPEECH_OUT = Problem(
    "BRIDGE-NO-SPEECH-OUT",
    "The turn is accepted, but no spoken response arrives",
    "The response isn't requested, its audio isn't forwarded, or the service stays silent.",
    "Check the service without the bridge: sherpa-probe events --script manual",
)
ANSWER_UNFINISHED = Problem(
    "BRIDGE-ANSWER-UNFINISHED",
    "The response starts but doesn't end",
    "Audio arrived, but response.done didn't: the bridge stops forwarding events, or the service hangs.",
    "Check the service without the bridge: sherpa-probe events --script manual",
)
UPSTREAM_LOST = Problem(
    "BRIDGE-UPSTREAM-LOST",
    "The upstream session is lost in the middle of a turn",
    "The bridge reports it and opens another session; the cause lies between the bridge and the service.",
    "Check the service without the bridge: sherpa-probe events --script manual",
)
BETA_EVENTS = Problem(
    "BRIDGE-BETA-EVENTS",
    "Events arrive under their beta names",
    "The service behind the bridge speaks the beta dialect, or the bridge renames the events that it forwards.",
    "Handle both names, or request GA upstream: no OpenAI-Beta header, nested session object",
    Severity.WARNING,
)
AUDIO_LOST = Problem(
    "BRIDGE-AUDIO-LOST",
    "Speech is lost on its way through the bridge",
    "The tracer audio (numbered, checksummed samples) arrives with gaps: chunks are dropped under load, or two tasks "
    "send at once.",
    "Send chunks from one task, in order, through one bounded queue; report what is dropped in audio_dropped",
)
AUDIO_REPEATED = Problem(
    "BRIDGE-AUDIO-REPEATED",
    "Speech arrives twice",
    "Chunks that had arrived are sent again: buffered audio isn't cleared, or a retry doesn't know what was sent.",
    "Send each chunk once, and again only after a loss, if it had no response",
)
AUDIO_REORDERED = Problem(
    "BRIDGE-AUDIO-REORDERED",
    "Speech arrives in a different order",
    "Several tasks send, or new audio overtakes buffered audio while that is being sent.",
    "Use one queue for all speech: what arrives while buffered audio is being sent goes behind it",
)
AUDIO_DAMAGED = Problem(
    "BRIDGE-AUDIO-DAMAGED",
    "Speech arrives changed",
    "Chunks are split inside a sample, the sample rate is converted, or text and audio frames are mixed up.",
    "Forward PCM16 unchanged; join and split it at whole samples only",
)
TRACER_UNSEEN = Problem(
    "BRIDGE-TRACER-UNSEEN",
    "Only an upstream that echoes can show whether every millisecond arrived",
    "The service behind this bridge doesn't report which audio it received; only a turn and its response were "
    "observed.",
    "Start the bridge on a simulator that echoes, and run it again: sherpa-sim serve --scenario echo\n"
    "The reference bridge has one built in: sherpa-bridge serve --simulate echo",
    Severity.INFO,
)

# Errors
ERROR_SWALLOWED = Problem(
    "BRIDGE-ERROR-SWALLOWED",
    "An invalid message gets no answer",
    "The bridge ignores messages that aren't JSON or have an unknown type: client developers never learn of the "
    "mistake.",
    "Answer with 'error', code INVALID_MESSAGE, and a message that says what is wrong",
)
ERROR_MALFORMED = Problem(
    "BRIDGE-ERROR-MALFORMED",
    "An error lacks required fields",
    "Clients decide by code and retryable what to do, and show message; without these fields they can't handle the "
    "error.",
    "Send code, message, retryable and suppressed in every error; for an invalid message the code is INVALID_MESSAGE",
)
ERROR_FLOOD = Problem(
    "BRIDGE-ERROR-FLOOD",
    "Several errors arrive within two seconds",
    "Every failure is forwarded at once; a fault that repeats floods the client and hides the first error.",
    "Send one error per 2 s; hold the others, then send the worst, with the number it stands for in suppressed",
)
ERRORS_FORGOTTEN = Problem(
    "BRIDGE-ERRORS-FORGOTTEN",
    "Errors that were held back are never reported",
    "Three errors were due; one came, and nothing mentioned the others when the two-second window was over.",
    "When the window ends, send the worst error held back, with the number of the others in suppressed",
)
ERROR_FATAL = Problem(
    "BRIDGE-ERROR-FATAL",
    "An invalid message ends the session",
    "One invalid message from a client ends its conversation.",
    "Answer with an error and continue; close a socket only for too large or too many messages",
)

# Closing, and the messages themselves
NO_SESSION_CLOSED = Problem(
    "BRIDGE-NO-SESSION-CLOSED",
    "end_session isn't confirmed",
    "The client can't tell whether its session has ended or still costs money.",
    "Close the upstream session, then send session_closed with reason 'ended'; the socket stays open",
)
NO_SECOND_SESSION = Problem(
    "BRIDGE-NO-SECOND-SESSION",
    "After end_session, no second session opens on the same socket",
    "State left over from the first session keeps the second one from starting.",
    "After session_closed handle create_session as on a new socket, with a higher generation",
)
BINARY_IGNORED = Problem(
    "BRIDGE-BINARY-IGNORED",
    "Audio doesn't arrive as binary frames although the client requested it",
    "audioOut 'binary' in create_session is ignored: a client that plays binary frames stays silent.",
    "With audioOut 'binary' send the samples of every audio delta as one binary frame instead of the delta",
)
NO_CLOSE = Problem(
    "BRIDGE-NO-CLOSE",
    "The bridge doesn't answer a client's Close frame",
    "No Close frame came back within 2 s: the bridge no longer reads this socket, and its session may still be open.",
    "Keep reading until the socket ends, answer Close with Close, and end the upstream session within a second",
)
CLOSE_UNSEEN = Problem(
    "BRIDGE-CLOSE-UNSEEN",
    "Can't determine whether the bridge answers Close",
    "It never stopped sending, and a Close frame among other messages is easily missed.",
    "Find out in the timeline of the report what it keeps sending, and run it again",
    Severity.INFO,
)
CLOSE_CODE = Problem(
    "BRIDGE-CLOSE-CODE",
    "A normal Close is answered with another code",
    "Close 1000 is answered with 1000; any other code means that something went wrong.",
    "Answer a client's Close with its own code, as WebSocket libraries do by default",
    Severity.WARNING,
)
UNSTAMPED = Problem(
    "BRIDGE-UNSTAMPED",
    "Messages have no timestamp, or one in another format",
    "Clients and logs order messages by timestamp: ISO 8601, UTC, with milliseconds.",
    "Add timestamp to every message of the bridge, as in 2026-11-21T01:02:03.045Z",
    Severity.WARNING,
)
FIELDS_MISSING = Problem(
    "BRIDGE-FIELDS-MISSING",
    "Messages lack fields that the client protocol requires",
    "Clients rely on them: generation identifies late messages, bufferedMs says how much audio was buffered.",
    "Add the fields that the row names",
    Severity.WARNING,
)
