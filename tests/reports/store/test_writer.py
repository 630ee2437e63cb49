"""A report file is complete or absent, and write access is checked before the run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reports.store.writer import CannotWriteError, reserve_file, reserve_report, uses_stdout


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_stands_there_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    reserve_file(tmp_path / "report.json").write("{}\n")
    assert names(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "{}\n"


def test_a_report_to_stdout_is_written_there_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = reserve_report(Path("-"))
    place.write("{}\n")
    place.discard()
    assert capsys.readouterr().out == "{}\n"
    assert names(tmp_path) == []
    assert uses_stdout(["html=a.html", "json=-"])
    assert not uses_stdout(["json=a-", "json"])


def test_until_it_is_written_the_old_one_stands(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    place = reserve_file(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text() == "old"
    place.discard()
    assert names(tmp_path) == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "old"


def test_a_report_is_readable_like_any_new_file_and_keeps_the_mode_of_an_old_one(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    reserve_file(tmp_path / "new").write("x")
    assert (tmp_path / "new").stat().st_mode == plain.stat().st_mode
    plain.chmod(0o600)
    reserve_file(plain).write("x")
    assert plain.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    reserve_file(tmp_path / "link").write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """A report to a device file must never replace it by a regular file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        place = reserve_file(pipe)
        place.write("x")
        place.discard()
        assert os.read(reader, 10) == b"x"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize(("name", "words"), [("no/report.json", "no such file"), ("", "is a directory")])
def test_a_place_that_can_not_be_written_is_refused_beforehand(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(CannotWriteError, match=words):
        reserve_file(tmp_path / name)
    assert names(tmp_path) == []


def test_a_folder_that_goes_away_leaves_no_half_file(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    place = reserve_file(folder / "report.json")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(CannotWriteError, match="no such file"):
        place.write("x")
    assert names(tmp_path) == []
