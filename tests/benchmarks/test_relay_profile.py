"""Flame graphs and counts of instructions, from what profilers write."""

from __future__ import annotations

import sys
from xml.etree import ElementTree as ET

import pytest

from benchmarks.relay import profile
from benchmarks.relay.flame_graph import draw_flame_graph, frame_label, own_shares, read_stacks
from benchmarks.relay.profile import instructions_in

STACKS = """\
<module> (<string>:1);run (trio/_core/_run.py:10);step (bridge/core/session.py:5) 30
<module> (<string>:1);run (trio/_core/_run.py:10);step (bridge/core/session.py:7);len 10
<module> (<string>:1);run (trio/_core/_run.py:12) 59
<module> (<string>:1);rare (other.py:1) 1
""".splitlines()
SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> dict[str, float]:
    """The width of each box, by its title."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 - ours
        title, rectangle = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rectangle is not None
        found[str(title.text)] = float(rectangle.attrib["width"])
    return found


def test_lines_of_one_function_are_one_box_with_its_share_of_the_samples() -> None:
    found = boxes(draw_flame_graph(read_stacks(STACKS), "a title"))
    assert found["trio/_core/_run.py:run 99.0%"] == pytest.approx(0.99 * 1184, abs=0.1)
    assert found["bridge/core/session.py:step 40.0%"] == pytest.approx(0.40 * 1184, abs=0.1)
    assert found["len 10.0%"] == pytest.approx(0.10 * 1184, abs=0.1)


def test_a_graph_may_begin_at_a_function_and_leaves_other_stacks_out() -> None:
    root = read_stacks(STACKS, inside="_run.py:run")
    assert root.samples == 99
    assert set(boxes(draw_flame_graph(root, ""))) == {
        "trio/_core/_run.py:run 100.0%",
        "bridge/core/session.py:step 40.4%",
        "len 10.1%",
    }


def test_boxes_of_less_than_a_pixel_are_left_out() -> None:
    found = boxes(draw_flame_graph(read_stacks(["a;b 9999", "a;c 1"]), ""))
    assert set(found) == {"a 100.0%", "b 100.0%"}


def test_own_shares_leave_out_what_a_function_calls() -> None:
    assert own_shares(read_stacks(STACKS)) == pytest.approx({"trio": 0.59, "core": 0.30, "other": 0.11})


def test_titles_and_names_are_escaped() -> None:
    svg = draw_flame_graph(read_stacks(["<lambda> (bridge/a.py:1) 5"]), "a < b")
    assert list(boxes(svg)) == ["bridge/a.py:<lambda> 100.0%"]
    assert "a &lt; b" in svg


def test_without_samples_there_is_no_graph() -> None:
    with pytest.raises(ValueError, match="no samples"):
        draw_flame_graph(read_stacks([]), "")


@pytest.mark.parametrize(
    ("frame", "label"),
    [
        ("send (/a/b/site-packages/trio/_socket.py:12)", "trio/_socket.py:send"),
        ("get (/usr/lib/python3.11/queue.py:3)", "queue.py:get"),
        ("Codec.feed (/home/me/project/bridge/transport/codec.py:3)", "bridge/transport/codec.py:Codec.feed"),
        ("recv", "recv"),
    ],
)
def test_a_frame_is_named_from_its_package_on(frame: str, label: str) -> None:
    assert frame_label(frame) == label


def test_instructions_are_read_from_callgrinds_total() -> None:
    assert instructions_in("events: Ir\nfn=(1)\n3 4\ntotals: 8331442\n") == 8331442
    with pytest.raises(ValueError, match="callgrind wrote no total"):
        instructions_in("events: Ir\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flame", "--out", "x.svg"], "py-spy isn't installed: run: pip install py-spy"),
        (["callgrind"], "valgrind isn't installed: run: apt-get install valgrind"),
    ],
)
def test_a_missing_profiler_is_said_with_how_to_install_it(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["profile", *arguments])
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as ended:
        profile.main()
    assert ended.value.code == message
