"""The real aimock, a service that others wrote for their tests."""

from __future__ import annotations

from tests.strangers.programs import probe


def test_its_short_list_of_models_does_not_stop_before_the_socket(aimock: int) -> None:
    found = probe("access", "--base-url", f"http://127.0.0.1:{aimock}/v1")
    assert ("model", "ACCESS-NO-REALTIME-MODELS") in found.wrong
    assert found.at("session")["severity"] == "pass"
    assert found.exit_code == 0


def test_the_events_that_it_never_sends_are_named(aimock: int) -> None:
    found = probe("events", "--script", "text", "--base-url", f"http://127.0.0.1:{aimock}/v1")
    assert found.wrong == [("order", "EVENTS-OUT-OF-ORDER")]
    assert "EVENTS-NO-RATE-LIMITS" in [each["code"] for each in found.findings]
    shown = [each["value"] for each in found.at("order")["evidence"]]
    assert shown[0].startswith("conversation.item.done came for the assistant's item")
    assert shown[0].endswith("without conversation.item.added")
    assert shown[1].startswith("conversation.item.done never came for the user's item")


def test_what_it_does_not_offer_or_confirm_is_named(aimock: int) -> None:
    found = probe("access", "--base-url", f"http://127.0.0.1:{aimock}/v1", "--auth", "all")
    assert ("mint", "ACCESS-MINT-NOT-OFFERED") in found.wrong
    assert ("confirm", "ACCESS-CONFIG-UNSEEN") in found.wrong
    without_model = next(each for each in found.findings if each["code"] == "ACCESS-AUTH-NO-MODEL")
    assert without_model["title"].startswith("works: a URL without ?model=")


def test_the_mistakes_that_it_ignores_are_named(aimock: int) -> None:
    found = probe("events", "--script", "errors", "--base-url", f"http://127.0.0.1:{aimock}/v1")
    assert ("refusals", "EVENTS-NOT-REFUSED") in found.wrong
    first = found.at("refusals")["evidence"][0]["value"]
    assert first == "no error for an unknown event, a cancel without a response, a commit without audio"


def test_that_it_does_not_speak_is_named(aimock: int) -> None:
    found = probe("events", "--script", "interrupt", "--base-url", f"http://127.0.0.1:{aimock}/v1")
    assert ("ready", "EVENTS-TEXT-ONLY") in found.wrong
