"""The command line of `record` and `replay`."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

from bridge.simulator.embedded import simulator_in_thread
from probes.record.command import RecordOptions, run_record
from probes.recording.capture import read_capture
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.wall_clock
def test_it_ends_after_the_wanted_number_of_connections(tmp_path: Path) -> None:
    notes: list[str] = []
    results: list[str] = []
    listening = threading.Event()

    def note(line: str) -> None:
        notes.append(line)
        listening.set()

    with simulator_in_thread() as simulator:
        key = simulator.api_key.reveal()

        def call() -> None:
            listening.wait(60)
            address = notes[0].split("from ")[1].split(" to ")[0]
            url = f"ws://{address}/v1/realtime?model=gpt-realtime-2.1"
            with connect(url, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None) as socket:
                socket.recv(timeout=60)

        caller = threading.Thread(target=call)
        caller.start()
        options = RecordOptions(listen="127.0.0.1:0", to=simulator.base_url, out=tmp_path / "a", count=1)
        code = run_record(options, write_note=note, write_result=results.append)
        caller.join(60)
    assert code == 0
    assert json.loads(results[0]) == {
        "recordings": [{"file": str(tmp_path / "a"), "frames": 1, "cut": None}],
        "exit_code": 0,
    }
    assert [entry.type for entry in read_capture(tmp_path / "a").entries] == ["session.created"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"to": "ftp://x"}, "--to"),
        ({"to": "nonsense"}, "--to"),
        ({"to": "http://x:99999/"}, "--to"),
        ({"listen": "x:y"}, "--listen"),
        ({"count": 0}, "--count"),
        ({"out": "missing/a"}, "--out"),
    ],
)
def test_wrong_options_are_told_before_anything_listens(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    known = {"listen": "127.0.0.1:0", "to": "http://127.0.0.1:1/v1", "out": "a", **changes}
    options = RecordOptions(**{**known, "out": tmp_path / str(known["out"])})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        run_record(options, write_note=lambda _: None)
