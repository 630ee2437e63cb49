"""The conformance suite on proxies that others wrote: the cases of docs/foreign-bridges.md whose verdict says most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.strangers.conftest import LITELLM_KEY
from tests.strangers.programs import ProbeReport, probe

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = """
name = "native"
path = "/v1/realtime"
model = "suite"
groups = "M"
"""
KEY = "sk-of-a-user-0123456789abcdef"


def judge(port: int, suite_port: int, *cases: str, key: str, profile: str = "native") -> ProbeReport:
    words = ["--bridge", f"ws://127.0.0.1:{port}", "--listen", f"127.0.0.1:{suite_port}", "--profile", profile]
    only = [word for case in cases for word in ("--case", case)]
    return probe("conformance", *words, "--client-token-env", "CLIENT_TOKEN", *only, key=key)


def test_litellm_passes_events_on_and_ends_the_connection_of_a_lost_session(
    litellm: int, suite_port: int, tmp_path: Path
) -> None:
    profile = tmp_path / "litellm.toml"
    profile.write_text(PROFILE)
    cases = ("M-01", "M-03", "M-04", "M-06", "M-12", "M-15", "M-20", "M-24")
    found = judge(litellm, suite_port, *cases, key=LITELLM_KEY, profile=str(profile))
    assert found.exit_code == 0
    ends = ("ends", "CONFORMANCE-NOT-CLEAN")  # M-20 again: TCP without a close frame
    assert found.wrong == [("M-15", "CONFORMANCE-M-15"), ("M-20", "CONFORMANCE-M-20"), ends]
    assert {found.at(case)["severity"] for case in ("M-15", "M-20")} == {"warning"}


@pytest.mark.parametrize(("case", "seen"), [("M-15", "nothing"), ("M-24", "the client's key")])
def test_portkey_leaves_the_client_of_a_lost_session_in_silence_and_passes_its_key_on(
    case: str, seen: str, portkey: int, suite_port: int
) -> None:
    found = judge(portkey, suite_port, case, key=KEY)
    assert found.exit_code == 1
    assert found.at(case)["severity"] == "fail"
    assert seen in [item["value"] for item in found.at(case)["evidence"]]


def test_portkey_passes_events_and_speech_on(portkey: int, suite_port: int) -> None:
    cases = ("M-01", "M-03", "M-04", "M-06", "M-07", "M-09", "M-10")
    assert judge(portkey, suite_port, *cases, key=KEY).wrong == []
