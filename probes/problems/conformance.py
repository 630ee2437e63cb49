"""Problems that the conformance suite finds besides those of its cases (`probes/conformance/case_problems.py`)."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

NOT_THERE = Problem(
    "CONFORMANCE-NOT-THERE",
    "Nothing listens at the bridge's URL",
    "The bridge isn't running, listens at another address, or a firewall is in between.",
    "Start the bridge, or let the suite start it: sherpa-probe conformance --start 'COMMAND'",
    Severity.ERROR,
)
NOT_STARTED = Problem(
    "CONFORMANCE-NOT-STARTED",
    "The bridge doesn't start",
    "The command ended, or didn't listen on the port that the environment variable PORT names.",
    "Run the command yourself, with PORT, OPENAI_BASE_URL and OPENAI_API_KEY set",
    Severity.ERROR,
)
CANT_LISTEN = Problem(
    "CONFORMANCE-CANT-LISTEN",
    "The suite can't listen for the bridge's upstream connections",
    "The suite is the bridge's upstream. The address of --listen is taken, or isn't an address of this machine.",
    "Choose another port with --listen, and start the bridge with OPENAI_BASE_URL=http://HOST:PORT/v1",
    Severity.ERROR,
)
NO_WEBSOCKET = Problem(
    "CONFORMANCE-NO-WEBSOCKET",
    "The server at this URL accepts no WebSocket",
    "It speaks HTTP only, or serves WebSockets at other paths.",
    "Name its path in a profile (--profile FILE), or test another URL",
)
NO_ANSWER = Problem(
    "CONFORMANCE-NO-ANSWER",
    "The server at this URL doesn't answer",
    "It accepts connections, but is stuck, or speaks another protocol.",
    "Look at the bridge's log, and connect to it with your own client",
)
REFUSES_CLIENTS = Problem(
    "CONFORMANCE-REFUSES-CLIENTS",
    "The bridge refuses the suite's client",
    "It asks for a client token, or for an origin.",
    "Pass the token: --client-token-env NAME",
)
NO_UPSTREAM = Problem(
    "CONFORMANCE-NO-UPSTREAM",
    "The bridge never connects to the suite's upstream",
    "It ignores OPENAI_BASE_URL, was started with another upstream, or opens a session only after a message that the "
    "suite doesn't send.",
    "Start the bridge with its upstream base URL at the suite, or describe its messages in a profile (--profile FILE)",
)
STALE = Problem(
    "CONFORMANCE-STALE-EXPECTATION",
    "A case that is expected to fail no longer fails",
    "The fault is fixed, but its entry is still in the file of expected failures: a new fault would go unnoticed.",
    "Remove the case from the file of expected failures",
)
NOT_CLEAN = Problem(
    "CONFORMANCE-NOT-CLEAN",
    "The bridge doesn't end its sockets cleanly",
    "A WebSocket ends with a close frame from both sides (RFC 6455, 7.1.2). Without it, clients can't tell a regular "
    "end from a broken connection.",
    "Answer each close frame with one, with the same code",
    Severity.WARNING,
)
