"""Which of the mutants the state machine must find by itself."""

from __future__ import annotations

#: Mistakes that break what must hold in any order of events. The state machine must find them by itself.
MACHINE_MUTANTS = frozenset(
    {
        "a deadline that never passes",
        "a deadline that never passes: the driver spins",
        "a drain that never ends",
        "a loss counts as a first start",
        "a notice for every dropped chunk",
        "a notice's deadline never passes",
        "a text that went up with the dying session is lost",
        "an attempt whose deadline never passes",
        "an error that ends a session is swallowed",
        "answered speech is said twice",
        "clearing takes back what was committed",
        "cleared speech is sent again",
        "configured twice",
        "dropped in silence at failure",
        "dropped in silence when full",
        "events of a closed session act",
        "generations repeat",
        "last in, first out",
        "late events act",
        "more is held than promised",
        "more messages are held than promised",
        "no next answer",
        "nothing reaches the client",
        "ready before it was created",
        "something due after the end",
        "the commit is not sent again",
        "the deadline passes and nothing is done",
        "two errors in one window",
        "two requests at once",
        "upstreams are left open",
        "what a service said before it stalled hides what it did not hear",
        "words past the bound are lost in silence",
        "words past the bound vanish",
        "words that were answered are reported as dropped",
    }
)
