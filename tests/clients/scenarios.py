"""What every client does in a call, and what must come of it. The same functions serve every client and both targets.

A word of their own makes answers recognizable: the simulator repeats what it was told, and says how much speech it
heard. So a turn counts only if its own answer arrives, whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from tests.clients.driver_process import CommandFailed
from tests.clients.service import BAD_KEY, KEY, PACE

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
_TOOL_ANSWERED: Final = "The tool answered"
_LONG: Final = "This is a long answer. " * 20
#: Faults that lose a session together with a response that has begun.
_WITHIN_A_RESPONSE: Final = ("drop:at=response", "drop:at=audio", "drop:at=arguments")
_words = count(1)


@dataclass(frozen=True, slots=True)
class Call:
    """A client, its driver, and what it connects to."""

    client: Client
    driver: DriverProcess
    service: Service
    speech: Path

    def open(self, model: str = MODEL, key: str = KEY) -> None:
        """Connect. Raises CommandFailed where the library raises."""
        self.driver.call("open", base_url=self.service.base_url, key=key, model=model)

    def mark(self) -> int:
        """Return where the driver's events are, for a later `wait`."""
        return len(self.driver.events)

    def new_word(self) -> str:
        """Return a word that no text of this run contains yet."""
        return f"zebra{next(_words)}"

    def begin_turn(self, text: str | None = None) -> int:
        """Send a text, or speak: where there is none, or where the client takes none. Returns the command's number."""
        if text is None or not self.client.takes_text:
            return self.driver.send("speak", file=str(self.speech))
        return self.driver.send("say", text=text)

    def end_turn(self, number: int, mark: int, *answers: str) -> Event:
        """Wait until the answer with one of these texts is over, and its command is."""
        turn = self.driver.wait(("turn",), mark, texts=answers)
        self.driver.wait(("answer",), mark, id=number)
        return turn

    def text_turn(self) -> None:
        """Do a text turn."""
        word = self.new_word()
        self._turn(f"Say {word}", word if self.client.takes_text else _HEARD)

    def spoken_turn(self) -> None:
        """Do a spoken turn."""
        self._turn(None, _HEARD)

    def _turn(self, text: str | None, answer: str) -> None:
        mark = self.mark()
        turn = self.end_turn(self.begin_turn(text), mark, answer)
        assert turn["audio_bytes"] > 0, turn
        self.expect_none_of(("error", "ended"), mark)

    def expect_none_of(self, kinds: tuple[str, ...], mark: int) -> None:
        """Expect no event of these kinds since a mark."""
        found = [event for event in self.driver.events[mark:] if event["event"] in kinds]
        assert found == [], self.driver.account(mark)


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
    call.begin_turn("Tell me a story")
    call.driver.wait(("output",), mark)
    number = call.begin_turn()
    call.driver.wait(("interrupted",), mark)
    call.service.inject("say:text=You interrupted me", f"pace:times={PACE}")
    call.end_turn(number, mark, "You interrupted me")
    call.service.inject("say:text=")
    call.text_turn()


def tool_call(call: Call) -> None:
    """The tool is called, and its output is answered."""
    call.open()
    call.service.inject("reply:how=function")
    mark = call.mark()
    number = call.begin_turn(_QUESTION)
    call.driver.wait(("tool",), mark)
    call.end_turn(number, mark, _TOOL_ANSWERED)


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
    """The client's key is not valid. The bridge says so before the upgrade."""
    _is_refused(call, "401" if call.service.is_bridge else "invalid_api_key", key=BAD_KEY)


def refused_upstream_key(call: Call) -> None:
    """The key that the service gets is not valid: the bridge's own, if there is one."""
    call.service.choose("invalid-key")
    _is_refused(call, "invalid_api_key")


def refused_credit(call: Call) -> None:
    """The account has no credit."""
    call.service.choose("no-quota")
    _is_refused(call, "insufficient_quota")


def refused_model(call: Call) -> None:
    """There is no such model."""
    _is_refused(call, "model", model="gpt-no-such-model")


def _is_refused(call: Call, code: str, model: str = MODEL, key: str = KEY) -> None:
    """Expect that the library tells its application so, and that the next session is opened as if nothing had been."""
    mark = call.mark()
    told = ""
    try:
        call.open(model, key)
    except CommandFailed as failure:
        told = str(failure)
    if code not in told:
        call.driver.wait(("error", "ended"), mark, texts=[code])
    call.driver.call("close")
    call.service.reset()
    call.open()
    call.text_turn()


# Cuts


def cut_before_the_answer(call: Call) -> None:
    """The session is lost when an answer was asked for and has not begun."""
    _cut_text_turn(call, "drop:at=create" if call.client.takes_text else "drop:at=committed")


def cut_behind_response_created(call: Call) -> None:
    """The session is lost behind `response.created`."""
    _cut_text_turn(call, "drop:at=response")


def cut_in_mid_audio(call: Call) -> None:
    """The session is lost while an answer is spoken. What was heard is not said again."""
    _cut(call, "drop:at=audio,nth=3", "Tell me a story")


def cut_in_mid_tool_call(call: Call) -> None:
    """The session is lost in the middle of a tool call's arguments. The answer may call the tool again, or not."""
    call.open()
    call.text_turn()
    call.service.inject("reply:how=function")
    _lose(call, "drop:at=arguments", _QUESTION, _TOOL_ANSWERED, _QUESTION, _HEARD)


def cut_behind_response_done(call: Call) -> None:
    """The session is lost behind `response.done`: nothing is owed."""
    _cut_text_turn(call, "drop:at=done")


def cut_while_the_user_speaks(call: Call) -> None:
    """The session is lost in the middle of the user's sentence."""
    _cut(call, "drop:at=speech", None, _HEARD)


def _cut_text_turn(call: Call, fault: str) -> None:
    word = call.new_word()
    _cut(call, fault, f"Say {word}", word if call.client.takes_text else _HEARD)


def _cut(call: Call, fault: str, text: str | None, *answers: str) -> None:
    call.open()
    call.text_turn()
    _lose(call, fault, text, *answers)


def _lose(call: Call, fault: str, text: str | None, *answers: str) -> None:
    """Lose the session in a turn, which gets one of these answers; then do a text turn and a spoken one."""
    call.service.inject(fault)
    mark = call.mark()
    number = call.begin_turn(text)
    if call.service.is_bridge:
        call.end_turn(number, mark, *answers)
        # A response that was lost ends as failed, which some libraries report; a lost session alone is no news at all.
        kinds = ("ended",) if fault.startswith(_WITHIN_A_RESPONSE) else ("ended", "error")
        call.expect_none_of(kinds, mark)
    else:
        _notice_loss(call, mark)
        call.driver.wait(("answer", "failure"), mark, id=number)
        if call.client.reconnects and not answers:
            call.end_turn(number, mark)
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
        call.begin_turn("Are you there?")
        call.driver.wait(("error", "failure"), mark)
    else:
        call.driver.wait(("error" if call.client.reconnects else "ended",), mark)


SCENARIOS: Final[Mapping[str, Callable[[Call], None]]] = {
    function.__name__: function
    for function in (
        text_turn, speech_turn, barge_in, tool_call, session_update,
        refused_key, refused_upstream_key, refused_credit, refused_model,
        cut_before_the_answer, cut_behind_response_created, cut_in_mid_audio, cut_in_mid_tool_call,
        cut_behind_response_done, cut_while_the_user_speaks,
    )
}  # fmt: skip
