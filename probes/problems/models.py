"""Problems with the models that a key may use. Values only; see `problems.py`."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

LIST_NO_ANSWER = Problem(
    "LIST-NO-ANSWER",
    "The list of models does not come",
    "Nothing answers at the address within the time-out: the way there is shut, or the server hangs.",
    "See how far one comes: sherpa-probe access",
    severity=Severity.ERROR,
    probe="models",
)
NO_TRANSCRIPTION_MODELS = Problem(
    "NO-TRANSCRIPTION-MODELS",
    "This key may use no transcription model",
    "A session can listen and answer all the same; it cannot write down what the user said.",
    "Where transcripts are wanted, allow one under Limits in the project's settings",
    severity=Severity.INFO,
    probe="models",
)
NO_NAMES_KNOWN = Problem(
    "NO-NAMES-KNOWN",
    "The server's list holds no name of a realtime model",
    "A compatible server or a gateway with names of its own; only the socket can tell what each can do.",
    "Ask for one of them by its name: sherpa-probe access --model NAME",
    severity=Severity.INFO,
    probe="models",
)
RETIRING = Problem(
    "RETIRING",
    "Models that this key may use were retired, or retire soon",
    "They are listed until their last day, and sometimes beyond it. Nobody here knows whether your code uses one.",
    "Search your code and settings for these names\nsherpa-probe models --require NAME",
    severity=Severity.INFO,
    probe="models",
)
REQUIRED_UNTOLD = Problem(
    "REQUIRED-UNTOLD",
    "Whether the required model can be used cannot be told from here",
    "There is no list of models to look at: Azure names deployments, some servers list nothing, some keys may not ask.",
    "Ask the socket itself: sherpa-probe access --model NAME",
    severity=Severity.ERROR,
    probe="models",
)
