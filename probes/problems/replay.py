"""Problems of a replay: what the other side does not do as it was recorded. Values only."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

NOT_CONNECTED = Problem(
    "REPLAY-NOT-CONNECTED",
    "No session to replay to",
    "The server can't be reached or refuses the upgrade.",
    "Find out why: sherpa-probe access, or sherpa-probe bridge --url URL",
    Severity.ERROR,
)
NO_CLIENT = Problem(
    "REPLAY-NO-CLIENT",
    "No client connected",
    "Nothing opened a WebSocket at the address of --listen.",
    "Start your client with this address as its base URL",
    Severity.ERROR,
)
STOPPED = Problem(
    "REPLAY-STOPPED",
    "The replay stopped: what came next in the recording never came",
    "The other side behaves differently from the recorded one, went silent, or closed the connection.",
    "Compare the timeline with the recorded one: sherpa-probe events --from FILE",
)
DIFFERS = Problem(
    "REPLAY-DIFFERS",
    "Something else came back than what was recorded",
    "The other side sends other events, or the same in another order.",
    "Compare the timeline with the recorded one: sherpa-probe events --from FILE",
)
ENDED_OTHERWISE = Problem(
    "REPLAY-ENDED-OTHERWISE",
    "The session ended in another way than the recorded one",
    "The other side closed with another code, at another moment, or not at all.",
    "Look the code up: sherpa-probe explain CODE",
)
