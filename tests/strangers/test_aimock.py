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
    shown = [each["value"] for each in found.at("order")["evidence"]]
    assert shown[0].startswith("conversation.item.done came for the assistant's item")
    assert shown[0].endswith("without conversation.item.added")
    assert shown[1].startswith("conversation.item.done never came for the user's item")
