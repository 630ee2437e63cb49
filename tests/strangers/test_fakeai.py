"""The real fakeai, a simulated service that others wrote, in the beta dialect."""

from __future__ import annotations

from tests.strangers.programs import probe


def test_its_dialect_is_named_by_both_probes(fakeai: int) -> None:
    base = f"http://127.0.0.1:{fakeai}/v1"
    assert ("session", "ACCESS-OTHER-DIALECT") in probe("access", "--base-url", base).wrong
    found = probe("events", "--script", "text", "--base-url", base)
    assert found.wrong == [("session", "EVENTS-OTHER-DIALECT"), ("order", "EVENTS-OUT-OF-ORDER")]
    assert found.at("order")["evidence"][0]["value"] == "response.content_part.added lacks part"


def test_the_mistake_that_it_ignores_is_named(fakeai: int) -> None:
    found = probe("events", "--script", "errors", "--base-url", f"http://127.0.0.1:{fakeai}/v1")
    assert found.at("refusals")["evidence"][0]["value"] == "no error for a commit without audio"
