"""The console in Firefox: typing, speaking, hearing, a connection that breaks, and a network that blocks WebSockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.firefox import Firefox, running_firefox
from tests.server.page.no_websockets import NoWebSockets, without_websockets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hardening.harness import BridgeProcess

pytestmark = [pytest.mark.browser, pytest.mark.wall_clock]

#: Keeps what the page sends over WebSockets; of speech, how many bytes.
RECORD = """() => {
  globalThis.wire = [];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (data) {
    wire.push(typeof data === "string" ? JSON.parse(data) : { type: "(speech)", bytes: data.byteLength });
    return send.call(this, data);
  };
}"""
ANSWER = "document.querySelector('.turn.assistant:last-child > span:nth-child(2)')?.textContent"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with running_firefox(tmp_path_factory.mktemp("firefox")) as running:
        running.before_each_page(RECORD)
        yield running


@pytest.fixture
def proxy(bridge: BridgeProcess) -> Iterator[NoWebSockets]:
    with without_websockets(bridge.address) as running:
        running.blocks = False
        yield running


def say(firefox: Firefox, text: str) -> None:
    firefox.evaluate(f"void (document.querySelector('#text').value = {text!r})")
    firefox.evaluate("document.querySelector('#composer').requestSubmit()")


def press(firefox: Firefox, button: str) -> None:
    firefox.evaluate(f"document.querySelector('#{button}').click()")


def wait_for_badge(firefox: Firefox, badge: str) -> None:
    firefox.wait_for(f"document.querySelector('#badge').dataset.badge === {badge!r}")


def wait_for_event(firefox: Firefox, kind: str) -> None:
    kinds = "[...document.querySelectorAll('#events td:nth-child(3)')]"
    firefox.wait_for(f"{kinds}.some((one) => one.textContent === {kind!r})")


def played_ms(kind: str = "playback") -> str:
    """Return the JavaScript of how much the page said to have played, at most."""
    return f"Math.max(0, ...wire.filter(({{ type }}) => type === {kind!r}).map(({{ playedMs }}) => playedMs))"


def test_a_typed_question_is_answered_read_and_heard(firefox: Firefox, bridge: BridgeProcess) -> None:
    firefox.open(f"http://{bridge.address}/")
    say(firefox, "What about my savings?")
    wait_for_badge(firefox, "Connected")
    assert len(firefox.wait_for(ANSWER)) > 1
    firefox.wait_for("document.querySelector('#speaker-level').value > 0")
    assert firefox.wait_for(f"{played_ms()} > 500 && {played_ms()}") > 500
    assert firefox.complaints == []


def test_speech_goes_up_and_its_answer_is_heard(firefox: Firefox, bridge: BridgeProcess) -> None:
    firefox.open(f"http://{bridge.address}/")
    firefox.evaluate("void (document.querySelector('[name=turnDetection]').value = 'none')")
    firefox.evaluate(
        "document.querySelector('[name=turnDetection]').dispatchEvent(new Event('change', {bubbles: true}))"
    )
    press(firefox, "talk")
    wait_for_badge(firefox, "Connected")
    firefox.wait_for("document.querySelector('#mic-level').value > 0")
    spoken = "wire.reduce((sum, { bytes = 0 }) => sum + bytes, 0)"
    firefox.wait_for(f"{spoken} > 48_000")  # a second
    press(firefox, "talk")
    wait_for_event(firefox, "input_audio_buffer.committed")  # by the service, which has heard it
    assert len(firefox.wait_for(ANSWER)) > 1
    firefox.wait_for(f"{played_ms()} > 500")
    assert firefox.evaluate("document.querySelector('#talk').getAttribute('aria-pressed')") == "false"
    assert firefox.complaints == []


def test_a_caller_who_speaks_up_silences_the_answer(firefox: Firefox, bridge: BridgeProcess) -> None:
    firefox.open(f"http://{bridge.address}/")
    say(
        firefox,
        "Tell me everything about savings, interest rates, funds, bonds, pensions, taxes and insurance, please.",
    )
    firefox.wait_for(f"{played_ms()} > 0")
    press(firefox, "talk")
    wait_for_event(firefox, "input_audio_buffer.speech_started")
    wait_for_event(firefox, "conversation.item.truncated")
    assert firefox.evaluate(played_ms("interrupt")) > 0
    press(firefox, "talk")
    assert firefox.complaints == []


def test_a_broken_connection_is_replaced_and_the_conversation_goes_on(firefox: Firefox, proxy: NoWebSockets) -> None:
    firefox.open(f"http://{proxy.address}/")
    press(firefox, "connect")
    wait_for_badge(firefox, "Connected")
    proxy.cut()
    firefox.wait_for("wire.filter(({ type }) => type === 'create_session').length === 2")
    wait_for_badge(firefox, "Connected")
    say(firefox, "Are you still there?")
    assert len(firefox.wait_for(ANSWER)) > 1


def test_where_websockets_are_blocked_the_fallback_speaks_and_answers(firefox: Firefox, proxy: NoWebSockets) -> None:
    proxy.blocks = True
    firefox.open(f"http://{proxy.address}/")
    say(firefox, "And over HTTP?")
    wait_for_badge(firefox, "Fallback")
    assert proxy.refused == 2
    assert len(firefox.wait_for(ANSWER)) > 1
    firefox.wait_for("document.querySelector('#speaker-level').value > 0")
    press(firefox, "talk")
    wait_for_event(firefox, "input_audio_buffer.speech_started")
    press(firefox, "talk")
    assert [one for one in firefox.complaints if "establish a connection" not in one] == []
