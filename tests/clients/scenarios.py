"""What every client does in a call, and what must come of it. The same functions serve every client and both targets.

A word of their own makes answers recognizable: the simulator repeats what it was told, and says how much speech it
heard. So a turn counts only if its own answer arrives, whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Final, assert_never

from tests.clients.driver_process import CommandFailed
from tests.clients.service import KEY, PACE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.clients.catalog import Client
    from tests.clients.driver_process import DriverProcess, Event
    from tests.clients.service import Service

MODEL: Final = "gpt-realtime-2.1"
#: What the simulator says to speech.
_HEARD: Final = "seconds of speech"
_QUESTION: Final = "What is the weather?"
_LONG: Final = "This is a long answer. " * 20
_words = count(1)


@dataclass(frozen=True, slots=True)
class Call:
    """A client, its driver, and what it connects to."""

    client: Client
    driver: DriverProcess
    service: Service
    speech: Path

    def open(self, model: str = MODEL) -> None:
        """Connect. Raises CommandFailed where the library raises."""
        self.driver.call("open", base_url=self.service.base_url, key=KEY, model=model)

    def mark(self) -> int:
        """Return where the driver's events are, for a later `wait`."""
        return len(self.driver.events)

    def since(self, mark: int, kind: str) -> list[Event]:
        """Return the events of a kind since a mark."""
        return [event for event in self.driver.events[mark:] if event["event"] == kind]

    def new_word(self) -> str:
        """Return a word that no text of this run contains yet."""
        return f"zebra{next(_words)}"

    def wait_for_turn(self, text: str, mark: int) -> Event:
        """Wait for the end of the answer with this text."""
        return self.driver.wait(("turn",), mark, text=text)

    def text_turn(self) -> None:
        """Do a text turn."""
        mark, word = self.mark(), self.new_word()
        self.driver.call("say", text=f"Say {word}")
        turn = self.wait_for_turn(word, mark)
        assert turn["audio_bytes"] > 0, turn
        self._nothing_failed(mark)

    def spoken_turn(self) -> None:
        """Do a spoken turn."""
        mark = self.mark()
        self.driver.call("speak", file=str(self.speech))
        turn = self.wait_for_turn(_HEARD, mark)
        assert turn["audio_bytes"] > 0, turn
        self._nothing_failed(mark)

    def _nothing_failed(self, mark: int) -> None:
        failures = [event for kind in ("error", "ended") for event in self.since(mark, kind)]
        assert failures == [], self.driver.account(mark)


# Turns


def text_turn(call: Call) -> None:
    """A text is answered, twice."""
    call.open()
    call.text_turn()
    call.text_turn()


def speech_turn(call: Call) -> None:
    """Speech is answered when the service's turn detection hears its end, twice."""
    call.open()
    call.spoken_turn()
    call.spoken_turn()


def barge_in(call: Call) -> None:
    """The user speaks into an answer: it stops, and the speech is answered."""
    call.open()
    call.service.inject(f"say:text={_LONG}", "pace:times=0.5")
    mark = call.mark()
    call.driver.call("say", text="Tell me a story")
    call.driver.wait(("output",), mark)
    number = call.driver.send("speak", file=str(call.speech))
    call.driver.wait(("interrupted",), mark)
    call.service.inject("say:text=You interrupted me", f"pace:times={PACE}")
    call.wait_for_turn("You interrupted me", mark)
    call.driver.wait(("answer",), mark, id=number)
    call.service.inject("say:text=")
    call.text_turn()


def tool_call(call: Call) -> None:
    """The tool is called, and its output is answered."""
    call.open()
    call.service.inject("reply:how=function")
    mark = call.mark()
    call.driver.call("say", text=_QUESTION)
    call.driver.wait(("tool",), mark)
    call.wait_for_turn("The tool answered", mark)


def session_update(call: Call) -> None:
    """An update is taken, and the conversation goes on."""
    call.open()
    call.text_turn()
    before = call.service.confirmed_updates()
    call.driver.call("update", instructions="Speak like a pirate.")
    call.service.wait_until(lambda: call.service.confirmed_updates() > before, "the update is confirmed")
    call.text_turn()


# Refusals


def refused_key(call: Call) -> None:
    """The key is not valid."""
    call.service.choose("invalid-key")
    _is_refused(call, "invalid_api_key")


def refused_credit(call: Call) -> None:
    """The account has no credit."""
    call.service.choose("no-quota")
    _is_refused(call, "insufficient_quota")


def refused_model(call: Call) -> None:
    """There is no such model."""
    _is_refused(call, "model", model="gpt-no-such-model")


def _is_refused(call: Call, code: str, model: str = MODEL) -> None:
    """Expect that the library tells its application so, and that the next session is opened as if nothing had been."""
    mark = call.mark()
    told = ""
    try:
        call.open(model)
    except CommandFailed as failure:
        told = str(failure)
    if code not in told:
        call.driver.wait(("error", "ended"), mark, text=code)
    call.driver.call("close")
    call.service.reset()
    call.open()
    call.text_turn()


# Cuts


def cut_before_the_answer(call: Call) -> None:
    """The session is lost when an answer was asked for and has not begun."""
    _cut(call, "drop:at=create", _Act.TEXT, answered=True)


def cut_behind_response_created(call: Call) -> None:
    """The session is lost behind `response.created`."""
    _cut(call, "drop:at=response", _Act.TEXT, answered=True)


def cut_in_mid_audio(call: Call) -> None:
    """The session is lost while an answer is spoken."""
    _cut(call, "drop:at=audio,nth=3", _Act.TEXT)


def cut_in_mid_tool_call(call: Call) -> None:
    """The session is lost in the middle of a tool call's arguments."""
    _cut(call, "drop:at=arguments", _Act.TOOL)


def cut_behind_response_done(call: Call) -> None:
    """The session is lost behind `response.done`: nothing is owed."""
    _cut(call, "drop:at=done", _Act.TEXT, answered=True)


def cut_while_the_user_speaks(call: Call) -> None:
    """The session is lost in the middle of the user's sentence."""
    _cut(call, "drop:at=speech", _Act.SPEECH, answered=True)


class _Act(Enum):
    """What the user does when the session is lost."""

    TEXT = "a text"
    TOOL = "a text that makes the service call the tool"
    SPEECH = "speech"


def _cut(call: Call, fault: str, act: _Act, *, answered: bool = False) -> None:
    """Lose the session, then do a text turn and a spoken one; `answered` says that the lost turn gets its answer."""
    call.open()
    call.text_turn()
    call.service.inject(fault)
    mark = call.mark()
    number, text = _begin(call, act)
    if call.service.is_bridge:
        call.wait_for_turn(text if answered else "", mark)
        call.driver.wait(("answer",), mark, id=number)
        assert call.since(mark, "ended") == [], call.driver.account(mark)
    else:
        _notice_loss(call, mark)
        call.driver.wait(("answer", "failure"), mark, id=number)
        if not call.client.reconnects:
            call.driver.call("close")
            call.open()
    call.service.settle(opened=2)
    call.text_turn()
    call.spoken_turn()


def _notice_loss(call: Call, mark: int) -> None:
    """Wait until a client that speaks to the service itself tells its application that the session was lost."""
    call.service.wait_until(lambda: call.service.sessions()[0]["closed"], "the session ends")
    if call.client.silent:
        call.driver.send("say", text="Are you there?")
    told_by_error = call.client.silent or call.client.reconnects
    call.driver.wait(("error" if told_by_error else "ended",), mark)


def _begin(call: Call, act: _Act) -> tuple[int, str]:
    """Begin the turn that is cut; return the number of its command, and the text that its answer would contain."""
    match act:
        case _Act.TEXT:
            word = call.new_word()
            return call.driver.send("say", text=f"Say {word}"), word
        case _Act.TOOL:
            call.service.inject("reply:how=function")
            return call.driver.send("say", text=_QUESTION), ""
        case _Act.SPEECH:
            return call.driver.send("speak", file=str(call.speech)), _HEARD
        case _:
            assert_never(act)


SCENARIOS: Final[Mapping[str, Callable[[Call], None]]] = {
    function.__name__: function
    for function in (
        text_turn, speech_turn, barge_in, tool_call, session_update,
        refused_key, refused_credit, refused_model,
        cut_before_the_answer, cut_behind_response_created, cut_in_mid_audio, cut_in_mid_tool_call,
        cut_behind_response_done, cut_while_the_user_speaks,
    )
}  # fmt: skip
