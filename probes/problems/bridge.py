"""Problems of a bridge itself: how it lets clients in, and what it does with their speech. Values only.

What it says of the service behind it, by the client protocol's error codes, is `problems_bridge_codes.py`.
"""

from __future__ import annotations

from functools import partial

from reports.model import Severity
from reports.problem import Problem

_Bridge = partial(Problem, probe="bridge")

# The way in

NOT_FOUND = _Bridge(
    "NOT-FOUND",
    "There is no bridge at this path",
    "A server answers, and knows nothing under this path: the bridge is mounted elsewhere, or a proxy cuts the path.",
    "Give the whole address: sherpa-probe bridge --url ws://HOST:PORT/api/openai/realtime (native: /v1/realtime)",
)
NOT_A_BRIDGE = _Bridge(
    "NOT-A-BRIDGE",
    "What answers there is no bridge",
    "A web page, another kind of server, or a proxy that does not pass 'Upgrade: websocket' on.",
    "Correct host, port and path of --url; behind a proxy make it pass the Upgrade and Connection headers on",
)
OTHER_ENDPOINT = _Bridge(
    "OTHER-DOOR",
    "This address is a door of the other kind",
    "One door speaks the client protocol and says 'connected' first, the other speaks the service's own events.",
    "Native events: --url .../v1/realtime; the client protocol: --url .../api/openai/realtime",
)
HEALTH_UNASKED = _Bridge(
    "HEALTH-UNASKED",
    "The pages about the bridge's health cannot be read",
    "What listens there takes WebSockets and answers no plain HTTP.",
    "Nothing is to be done; a bridge that serves /healthz and /readyz can be watched by an orchestrator",
    severity=Severity.INFO,
)
HEALTH_NOT_OFFERED = _Bridge(
    "HEALTH-NOT-OFFERED",
    "The bridge has no pages about its health",
    "It answers /healthz and /readyz with something else than a page about its health.",
    "Nothing is to be done; a bridge that serves /healthz and /readyz can be watched by an orchestrator",
    severity=Severity.INFO,
)
UNAUTHORIZED = _Bridge(
    "UNAUTHORIZED",
    "The bridge wants a token, and another one than it was shown",
    "It answered 401 before the upgrade: no token was sent, not the one that it knows, or a ticket that is used up.",
    "Put the bridge's client token into a variable, and name that: --client-token-env NAME",
)
ORIGIN_NOT_ALLOWED = _Bridge(
    "ORIGIN-NOT-ALLOWED",
    "The bridge lets only certain web pages in",
    "It answered 403: it asks browsers for their page (Origin), and no browser stands behind this probe.",
    "Show a token instead: --client-token-env NAME; for your page: sherpa-bridge serve --allow-origin ORIGIN",
)
FORBIDDEN = _Bridge(
    "FORBIDDEN",
    "The upgrade is forbidden",
    "Answered with 403, and not in the words of a bridge: a gateway, a firewall or a rule by address stands before it.",
    "Find out who answered, by its headers, and have this machine allowed there",
)
NO_GREETING = _Bridge(
    "NO-GREETING",
    "The socket opens, and the bridge does not say 'connected'",
    "It waits for something first, or hangs; a client cannot tell whether anybody listens.",
    "Send 'connected' with clientId and protocol as the first message of every socket, before anything upstream",
)
HUNG_UP = _Bridge(
    "HUNG-UP",
    "The bridge closes the socket in the middle of it",
    "A mistake in the bridge ended its session, a limit was met, or a proxy in between ended the connection.",
    "Look at the bridge's log of this moment; sherpa-probe explain CODE tells what the close code means",
)
BROKEN_FRAMES = _Bridge(
    "BROKEN-FRAMES",
    "The bridge breaks the WebSocket protocol",
    "A frame was not valid (1002), text not UTF-8 (1007), or a message beyond 16 MiB (1009).",
    "Send through a WebSocket library, text as UTF-8; then try without a proxy in between",
)
NOT_READY = _Bridge(
    "NOT-READY",
    "The bridge says of itself that it is not ready",
    "GET /readyz is answered with 503: it drains, or its last attempts upstream have all failed.",
    "If it drains, wait for the new one; if not, the reason stands in the answer and in the rows below",
    severity=Severity.WARNING,
)
UNHEALTHY = _Bridge(
    "UNHEALTHY",
    "The bridge's page about its health fails",
    "GET /healthz or /readyz is answered with an error of its own, not with yes or no.",
    "Look at the bridge's log; orchestrators will restart a bridge that answers so",
    severity=Severity.WARNING,
)

# Coming to a session

NO_PONG = _Bridge(
    "NO-PONG",
    "The bridge does not answer 'ping'",
    "Clients ask so whether the way is open; without an answer they give a good connection up.",
    "Answer {'type': 'ping', 'id': X} with {'type': 'pong', 'id': X} at once; nothing of it goes upstream",
)
NO_SESSION_READY = _Bridge(
    "NO-SESSION-READY",
    "create_session leads to nothing",
    "Neither session_ready nor an error came: an attempt upstream hangs without a limit, or its failure is swallowed.",
    "Limit each attempt (10 s), try again with growing waits, and end in session_ready or in an error that says why",
)
READY_TOO_EARLY = _Bridge(
    "READY-TOO-EARLY",
    "session_ready comes before the service has confirmed the session",
    "The bridge says ready when its socket opens, or on session.created; the configuration may still be refused.",
    "Wait for session.created, send the configuration, wait for session.updated, and only then say session_ready",
)
INIT_NOT_FORWARDED = _Bridge(
    "INIT-NOT-FORWARDED",
    "The events by which the session began are not passed on",
    "session.created and session.updated stay in the bridge: nobody can see which configuration holds.",
    "Forward every server event but 'error', those of the beginning before session_ready",
    severity=Severity.WARNING,
)
EARLY_SPEECH_LOST = _Bridge(
    "EARLY-SPEECH-LOST",
    "What is said before the session is ready is lost",
    "Speech that arrives while the session is being created is thrown away: every caller's first words are gone.",
    "Hold it, in order and bounded, and send it up right after session_ready; tell in bufferedMs how much it was",
)
EARLY_SPEECH_UNSEEN = _Bridge(
    "EARLY-SPEECH-UNSEEN",
    "Whether the first words were held cannot be told here",
    "The session was ready before they can have been read, or the bridge does not say how much it held.",
    "Look again at a bridge on a simulator that is slower and echoes: sherpa-sim serve --scenario echo",
    severity=Severity.INFO,
)
SPEECH_DROPPED = _Bridge(
    "SPEECH-DROPPED",
    "The bridge gives speech up, and says so",
    "audio_dropped came for a second of speech: its bound for held audio is too small, or its upstream too slow.",
    "Hold at least 30 s of speech, and look at how long the session takes to become ready",
)

# Talking

NOTHING_FORWARDED = _Bridge(
    "NOTHING-FORWARDED",
    "Nothing that the service says reaches the client",
    "The session is ready and no event of the service ever came down: the bridge does not read it, or filters it all.",
    "Forward every server event but 'error' as it is, in order; log those that you do not know",
)
SPEECH_NOT_TAKEN = _Bridge(
    "SPEECH-NOT-TAKEN",
    "What is said does not arrive at the service",
    "Speech and its end went to the bridge, and the service told of no turn: audio or its commit is not passed on.",
    "Send speech up as input_audio_buffer.append in base64, never as a binary frame, and audio_commit as ...commit",
)
NO_SPEECH_OUT = _Bridge(
    "NO-SPEECH-OUT",
    "The turn was taken, and no spoken answer comes",
    "The answer is never asked for, its audio is not passed on, or the service stays silent.",
    "See what the service does by itself: sherpa-probe events --script manual",
)
ANSWER_UNFINISHED = _Bridge(
    "ANSWER-UNFINISHED",
    "The answer begins and does not end",
    "Audio came and response.done did not: the bridge stops to pass events on, or the service hangs.",
    "See what the service does by itself: sherpa-probe events --script manual",
)
UPSTREAM_LOST = _Bridge(
    "UPSTREAM-LOST",
    "The session with the service breaks in the middle of a turn",
    "The bridge says so itself, and opens another one; what kept the session from lasting is behind it.",
    "Look at the service without the bridge: sherpa-probe events --script manual",
)
BETA_EVENTS = _Bridge(
    "BETA-EVENTS",
    "The events come down under their names of the beta",
    "The service behind the bridge speaks the beta dialect, or the bridge renames what it passes on.",
    "Listen for both names, or ask for GA upstream: no OpenAI-Beta header, nested session shape",
    severity=Severity.WARNING,
)
AUDIO_LOST = _Bridge(
    "AUDIO-LOST",
    "Speech is lost on its way through the bridge",
    "Tracer audio has holes when it arrives: chunks are dropped under load, or while two tasks send at once.",
    "Send chunks from one task, in order, through one bounded queue; tell in audio_dropped what is given up",
)
AUDIO_REPEATED = _Bridge(
    "AUDIO-REPEATED",
    "Speech arrives twice",
    "Chunks are sent again that had arrived: held audio is not cleared, or a retry does not know what was sent.",
    "Send each chunk once, and again only after a loss, as far as it had no answer",
)
AUDIO_REORDERED = _Bridge(
    "AUDIO-REORDERED",
    "Speech arrives in another order than it was said",
    "Several tasks send, or new speech overtakes the held one while that is being sent.",
    "One queue for all speech: what comes while held audio is sent goes behind it",
)
AUDIO_DAMAGED = _Bridge(
    "AUDIO-DAMAGED",
    "Speech arrives changed",
    "Bytes are cut in the middle of a sample, the sample rate is converted, or texts and audio are mixed up.",
    "Pass PCM16 on as it is; join and split it at whole samples only",
)
TRACER_UNSEEN = _Bridge(
    "TRACER-UNSEEN",
    "Whether every millisecond arrived can be told only by an upstream that echoes",
    "The service behind this bridge does not say which audio it received; only a turn and its answer were seen.",
    "Start the bridge on a simulator that echoes, and look again: sherpa-sim serve --scenario echo\n"
    "The reference bridge has one built in: sherpa-bridge serve --simulate echo",
    severity=Severity.INFO,
)

# Errors

ERROR_SWALLOWED = _Bridge(
    "ERROR-SWALLOWED",
    "A message that cannot be understood gets no answer",
    "The bridge ignores what is no JSON or of an unknown type: whoever writes a client never learns of the mistake.",
    "Answer with 'error', code INVALID_MESSAGE, and a message that names what is wrong",
)
ERROR_MALFORMED = _Bridge(
    "ERROR-MALFORMED",
    "An error comes without what every error must have",
    "Clients decide by code and retryable what to do, and show message; one that lacks them cannot be handled.",
    "Send code, message, retryable and suppressed in every error; for a bad message the code is INVALID_MESSAGE",
)
ERROR_FLOOD = _Bridge(
    "ERROR-FLOOD",
    "Several errors come within two seconds",
    "Every failure is passed on at once; a fault that repeats floods the client and hides the first error.",
    "Send one error in any 2 s; hold back the others, then send the worst with how many it stands for in suppressed",
)
ERRORS_FORGOTTEN = _Bridge(
    "ERRORS-FORGOTTEN",
    "Errors that are held back are forgotten",
    "Three errors were due; one came, and nothing told of the others when the window of two seconds was over.",
    "When the window opens again send the worst error held back, with the number of the others in suppressed",
)
ERROR_FATAL = _Bridge(
    "ERROR-FATAL",
    "A message that cannot be understood ends the session",
    "One bad message of a client takes its conversation with it.",
    "Answer with an error and go on; only too large or too many messages end a socket",
)

# The end, and the paper work

NO_SESSION_CLOSED = _Bridge(
    "NO-SESSION-CLOSED",
    "end_session is not confirmed",
    "The client cannot know whether its session is over, or still costs money.",
    "Close the upstream session, then send session_closed with reason 'ended'; the socket stays open",
)
NO_SECOND_SESSION = _Bridge(
    "NO-SECOND-SESSION",
    "After end_session no other session can be had on the same socket",
    "What the first session left behind keeps the second one from beginning.",
    "After session_closed take create_session as on a fresh socket, with a generation that is greater",
)
BINARY_IGNORED = _Bridge(
    "BINARY-IGNORED",
    "Speech does not come as binary frames although it was asked for",
    "audioOut 'binary' in create_session is not heeded: a client that plays binary frames stays silent.",
    "With audioOut 'binary' send the samples of every audio delta as one binary frame, and not the delta",
)
NO_CLOSE = _Bridge(
    "NO-CLOSE",
    "The bridge does not answer when a client says goodbye",
    "No Close frame came back within 2 s: nobody reads this socket any more, and its session may live on.",
    "Keep reading until the socket ends, answer Close with Close, and end the upstream session within a second",
)
CLOSE_UNSEEN = _Bridge(
    "CLOSE-UNSEEN",
    "Whether the bridge says goodbye cannot be told here",
    "It never stopped talking: a goodbye that crosses other messages is lost among them.",
    "Find out what it sends without end, in the timeline of the report, and look again",
    severity=Severity.INFO,
)
CLOSE_CODE = _Bridge(
    "CLOSE-CODE",
    "A good ending is answered with another close code",
    "A Close with 1000 is answered with the same code; another one says that something went wrong.",
    "Answer a client's Close with its own code, as every WebSocket library does by itself",
    severity=Severity.WARNING,
)
UNSTAMPED = _Bridge(
    "UNSTAMPED",
    "Messages come without the time, or in another form",
    "Clients and logs order messages by their timestamp: ISO 8601, UTC, with milliseconds.",
    "Put timestamp into every message of the bridge, as 2026-11-21T01:02:03.045Z",
    severity=Severity.WARNING,
)
FIELDS_MISSING = _Bridge(
    "FIELDS-MISSING",
    "Messages lack fields that the client protocol promises",
    "Clients made for the protocol rely on them: generation tells late messages apart, bufferedMs what was held.",
    "Add the fields that the row names",
    severity=Severity.WARNING,
)
