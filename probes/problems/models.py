"""Problems with the models that a key may use. Values only."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

LIST_NO_ANSWER = Problem(
    "MODELS-LIST-NO-ANSWER",
    "The request for the model list gets no response",
    "Nothing responds at the address within the timeout: it is unreachable, or the server hangs.",
    "Find out where the connection fails: sherpa-probe access",
    Severity.ERROR,
)
NO_TRANSCRIPTION_MODELS = Problem(
    "MODELS-NO-TRANSCRIPTION-MODELS",
    "This key may not use any transcription model",
    "A session can listen and respond, but it can't transcribe what the user says.",
    "If you need transcripts, allow a transcription model under Limits in the project's settings",
    Severity.INFO,
)
NO_NAMES_KNOWN = Problem(
    "MODELS-NO-NAMES-KNOWN",
    "The server's model list contains no known realtime model",
    "A compatible server or a gateway with model names of its own; only a connection can tell what each one supports.",
    "Try one of them by name: sherpa-probe access --model NAME",
    Severity.INFO,
)
RETIRING = Problem(
    "MODELS-RETIRING",
    "Models that this key may use are retired, or retire soon",
    "They stay in the list until their last day, and sometimes longer. This probe can't know whether your code uses "
    "them.",
    "Search your code and settings for these names\nsherpa-probe models --require NAME",
    Severity.INFO,
)
REQUIRED_UNTOLD = Problem(
    "MODELS-REQUIRED-UNTOLD",
    "Can't determine from here whether the required model is available",
    "There is no model list to check: Azure lists deployments, and some servers or keys don't list models.",
    "Try the model itself: sherpa-probe access --model NAME",
    Severity.ERROR,
)
