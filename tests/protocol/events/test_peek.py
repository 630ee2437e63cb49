from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.peek import OPENINGS, measure
from bridge.protocol.events.peek import peek


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ('{"type":"response.done"}', "response.done"),
        ('{"type":"response.done","event_id":"e"}', "response.done"),
        ('{"event_id":"e","type":"response.done","x":1}', "response.done"),
        (' {\n "event_id" : "e" ,\r\n\t"type" : "a" , "x" : 1 }', "a"),
        ('{"response":{"type":"inner"},"type":"outer"}', "outer"),
        ('{"response":{"type":"inner"}}', None),
        ('{"event_id":{"type":"inner"},"type":"outer"}', "outer"),
        ('{"event_id":"\\",\\"type\\":\\"x","type":"outer"}', "outer"),
        ('{"event_id":"\\","type":"x"}', None),
        ('{"delta":"\\"type\\":\\"x\\"","type":"outer"}', "outer"),
        ('{"delta":"{\\"type\\":\\"x\\"}"}', None),
        ('{"type":"a\\u0062"}', "ab"),
        ('{"\\u0074ype":"a"}', "a"),
        ('{"type":"a\\nb"}', "a\nb"),
        ('{"type":"größe"}', "größe"),
        ('{"type":""}', ""),
        ('{"type":null}', None),
        ('{"type":7}', None),
        ('{"type":["a"]}', None),
        ('{"Type":"a"}', None),
        ("{}", None),
        ("[]", None),
        ('"type"', None),
        ("", None),
        ("not json", None),
        ('{"type":"a', None),
        ('{"type":"a"', None),
        ('{"type":"a\nb"}', None),
        ('[{"type":"a"}]', None),
        ('x{"type":"a"}', None),
        ("\ufeff" + '{"x":1,"type":"a"}', None),
    ],
)
def test_the_type_is_found_or_none(frame: str, found: str | None) -> None:
    assert peek(frame) == found
    assert peek(frame.encode()) == found


def test_bytes_that_are_no_utf8_have_no_type() -> None:
    assert peek(b'{"type":"a\xff"}') is None
    assert peek(b'{"x":1,"type":"a\xff"}') is None
    assert peek(b"\xff\xfe") is None


def test_the_type_of_a_known_event_is_the_same_string_each_time() -> None:
    first, second = (peek(b'{"type":"response.output_audio.delta","n":%d}' % n) for n in (1, 2))
    assert first is second


def test_half_a_character_in_text_is_no_fault() -> None:
    assert peek('{"x":"\ud800","type":"a"}') is None


def test_endless_nesting_is_no_fault() -> None:
    deep = "[" * 100_000
    assert peek(f'{{"x":{deep}') is None


def test_behind_a_usual_opening_the_rest_is_unread() -> None:
    assert peek('{"type":"a",, this is no JSON') == "a"


def test_of_two_types_the_first_counts_when_it_stands_at_the_opening() -> None:
    assert peek('{"type":"first","type":"last"}') == "first"
    assert peek('{"x":1,"type":"first","type":"last"}') == "last"


_KEYS = st.sampled_from(["type", "event_id", "item_id", "delta", "response", "Type", 'a"type'])
_TEXTS = st.sampled_from(["response.done", 'x","type":"y', '{"type":"z"}', "\\", '"', "é", ""]) | st.text(max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
_EVENTS = st.dictionaries(_KEYS | st.text(max_size=4), _VALUES, max_size=5)


@given(
    _EVENTS,
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:\r")]),
)
@example({"event_id": 'x","type":"y', "type": "z"}, None, False, (",", ":"))
def test_a_peek_agrees_with_a_parse(
    event: dict[str, object], indent: int | None, ascii_only: bool, separators: tuple[str, str]
) -> None:
    frame = json.dumps(event, indent=indent, ensure_ascii=ascii_only, separators=separators)
    wanted = event.get("type")
    expected = wanted if isinstance(wanted, str) else None
    assert peek(frame) == expected
    assert peek(frame.encode()) == expected


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_frame_makes_a_peek_fail(frame: str | bytes) -> None:
    found = peek(frame)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize("opening", OPENINGS)
def test_the_measured_frames_are_what_they_claim(opening: str) -> None:
    frame = OPENINGS[opening]
    assert 14_900 <= len(frame) <= 15_000
    assert next(iter(json.loads(frame))) == opening.split(maxsplit=1)[0]
    assert peek(frame) == "response.output_audio.delta"


@pytest.mark.alone
def test_peek_is_much_faster_than_a_parse() -> None:
    # 10 times is the goal; 5 leaves room for a machine that is busy while this runs.
    for _ in range(12):
        rows = measure(seconds=0.05)
        assert len(rows) == 4
        by_json, by_msgspec = (min(row.ratios[which] for row in rows) for which in (1, 0))
        if by_json > 5 and by_msgspec > 2:
            break
    assert by_json > 5
    assert by_msgspec > 2


@pytest.mark.slow
def test_the_benchmark_runs_as_a_program() -> None:
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.peek", "--seconds", "0.02"],
        cwd=root, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.stderr == ""
    assert "x msgspec" in ran.stdout
    assert ran.returncode == (0 if slowest(ran.stdout) >= 10 else 1)


def slowest(printed: str) -> float:
    return float(printed.split("peek is ")[1].split(maxsplit=1)[0])
