"""The mutants that the state machine alone must find."""

from __future__ import annotations

#: Mistakes that break a promise of the core that holds in any order of events.
MACHINE_MUTANTS = frozenset(
    {
        "a deadline that never moves",
        "a deadline that never passes",
        "a deadline that never passes: the driver spins",
        "a drain that never ends",
        "a loss counts as a first start",
        "a message for every dropped chunk",
        "a text that went up with the dying session is lost",
        "an attempt whose deadline never passes",
        "an error that ends a session is swallowed",
        "answered speech is replayed",
        "cleared speech is sent again",
        "clearing takes back what was committed",
        "configured twice",
        "dropped silently at failure",
        "dropped silently when full",
        "events of a closed session act",
        "generations repeat",
        "last in, first out",
        "late audio is played",
        "late events act",
        "more audio is buffered than allowed",
        "more messages are buffered than allowed",
        "no next answer",
        "nobody is woken for the next attempt",
        "nothing reaches the client",
        "ready before it was created",
        "something due after the end",
        "the commit is not sent again",
        "the deadline of a drop notice never passes",
        "the deadline passes and nothing is done",
        "two errors in one window",
        "two requests at once",
        "upstreams are left open",
        "what a service said before it stalled hides what it did not hear",
        "words past the bound are lost silently",
        "words past the bound vanish",
        "words that were answered are reported as dropped",
    }
)
