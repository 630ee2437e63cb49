"""What is told of clients that can't be installed: nothing is left out in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients import run
from tests.clients.catalog import CLIENTS
from tests.clients.install import Environments, NotInstallable, find_node, install_all, with_versions
from tests.clients.scenarios import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path


def node_that_says(version: str, folder: Path) -> None:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)


def test_a_client_for_node_without_node_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    client = CLIENTS["openai_node"]
    assert install_all(Environments(tmp_path / "home"), [client]) == {client: "Node.js is not installed"}


@pytest.mark.parametrize(("version", "fits"), [("v18.20.0", False), ("v20.0.0", True), ("v24.1.0", True)])
def test_node_must_be_new_enough(version: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    node_that_says(version, tmp_path)
    if fits:
        assert find_node() == tmp_path / "node"
    else:
        with pytest.raises(NotInstallable, match=r"Node.js 20 or newer is needed, and .*/node is v18"):
            find_node()


def test_where_no_client_can_be_installed_nothing_was_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(run, "Environments", lambda newest: Environments(tmp_path / "home", newest))
    assert run.main(["--only", "openai_node"]) == run.NOT_RUN
    assert "NOT RUN: OpenAI SDK for Node.js, everything: Node.js is not installed" in capsys.readouterr().out


def test_pinning_writes_the_versions_into_the_page() -> None:
    page = "| AG2 | `ag2` | 1.2.1 | 8 of 8 | 8 of 8 |\n| Pipecat | `pipecat` | 1.14.0 | 14 of 14 | 14 of 14 |\n"
    assert with_versions(page, {"ag2": "1.3"}) == page.replace("1.2.1", "1.3")


def test_newest_versions_have_environments_of_their_own(tmp_path: Path) -> None:
    pinned, newest = Environments(tmp_path), Environments(tmp_path, newest=True)
    for client in CLIENTS.values():
        assert pinned.folder(client) != newest.folder(client)


def test_a_failure_counts_against_its_client_and_target() -> None:
    client = CLIENTS["pydantic_ai"]
    failed = ("test_clients.py::test_a_client_does[pydantic_ai-bridge-barge_in]",)
    line = run.Result(client, "1.0", 1, failed, "").line()
    total = len(SCENARIOS) - 1
    assert line == f"  Pydantic AI 1.0: simulator {total} of {total}, bridge {total - 1} of {total}"


def test_a_broken_run_is_told_from_failed_tests() -> None:
    line = run.Result(CLIENTS["ag2"], "1.0", 4, (), "").line()
    assert line.endswith("(pytest ended with exit code 4)")
