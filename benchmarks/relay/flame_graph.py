"""Draws a flame graph as a static SVG from collapsed stacks, as py-spy and other profilers write them. Pure.

A box is a function; what it calls stands above it; its width is its share of the samples. The order from left to right
says nothing. Boxes of less than a pixel are left out, so the file stays small.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDTH, _ROW, _TOP, _MARGIN = 1200, 16, 44, 8
_LEAST_WIDTH: Final = 1.0
_CHARACTER: Final = 6.4
#: Labels shorter than this say nothing.
_LEAST_LABEL: Final = 3
#: Names and colours by where a function is from: the first prefix of its path that fits.
_ORIGINS: Final = (
    ("bridge/core", "core", "#7fb069"),
    ("bridge/transport", "transport", "#e6aa68"),
    ("bridge/", "rest of the bridge", "#f2d479"),
    ("trio/", "trio", "#8fb8de"),
    ("websockets/", "websockets", "#d6a2c4"),
    ("", "other", "#d5d5d5"),
)
#: py-spy's "function (path/to/file.py:12)"; the line is left out, so that a function is one box.
_FRAME: Final = re.compile(r"(?P<name>.+) \((?P<path>[^():]+)(?::\d+)?\)")
#: What precedes the name of a package in a path.
_BEFORE_PACKAGE: Final = re.compile(r"^.*(?:site-packages|python3\.\d+)/|^.*/(?=bridge/)")


@dataclass
class Box:
    """A function where it was called, and what it called."""

    samples: int = 0
    children: dict[str, Box] = field(default_factory=dict)

    def depth(self, least: float) -> int:
        """Return the height of the stack, counting boxes of at least so many samples."""
        return 1 + max((one.depth(least) for one in self.children.values() if one.samples >= least), default=0)


def frame_label(frame: str) -> str:
    """Return a frame as `path:function`, from its package on and without the line."""
    found = _FRAME.fullmatch(frame)
    if found is None:
        return frame
    return f"{_BEFORE_PACKAGE.sub('', found['path'])}:{found['name']}"


def read_stacks(lines: Iterable[str], inside: str = "") -> Box:
    """Return the tree of collapsed stacks ("a;b;c 12"). With `inside`, only stacks with it, from that frame on."""
    root = Box()
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        frames = [frame_label(frame) for frame in stack.split(";")]
        if inside:
            start = next((at for at, frame in enumerate(frames) if inside in frame), None)
            if start is None:
                continue
            frames = frames[start:]
        root.samples += int(count)
        box = root
        for frame in frames:
            box = box.children.setdefault(frame, Box())
            box.samples += int(count)
    return root


def draw_flame_graph(root: Box, title: str) -> str:
    """Return the SVG. Raises ValueError without samples."""
    if not root.samples:
        raise ValueError("no samples")
    scale = (_WIDTH - 2 * _MARGIN) / root.samples
    height = _TOP + _ROW * (root.depth(_LEAST_WIDTH / scale) + 1)
    style = "rect{stroke:#fff;stroke-width:.5}text{font:11px monospace;fill:#222}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">',
        f'<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{_MARGIN}" y="16">{escape(title)}</text>',
        *_legend(),
        *_boxes(root, float(_MARGIN), height - 2 * _ROW, scale, root.samples),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def own_shares(root: Box) -> dict[str, float]:
    """Return the share of the samples in functions of each origin themselves, without what they call."""
    own: Counter[str] = Counter()

    def add(label: str, box: Box) -> None:
        own[_origin(label)[0]] += box.samples - sum(child.samples for child in box.children.values())
        for name, child in box.children.items():
            add(name, child)

    for name, child in root.children.items():
        add(name, child)
    return {name: samples / root.samples for name, samples in own.most_common()}


def _origin(label: str) -> tuple[str, str]:
    """Return name and colour of where a function is from."""
    return next((name, colour) for prefix, name, colour in _ORIGINS if label.startswith(prefix))


def _legend() -> Iterator[str]:
    x = _MARGIN
    for _, name, colour in _ORIGINS:
        yield f'<rect x="{x}" y="24" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 14}" y="33">{name}</text>'
        x += 34 + int(len(name) * _CHARACTER)


def _boxes(box: Box, x: float, y: float, scale: float, total: int) -> Iterator[str]:
    for label, child in sorted(box.children.items()):
        width = child.samples * scale
        if width >= _LEAST_WIDTH:
            yield _drawn(label, x, y, width, child.samples / total)
            yield from _boxes(child, x, y - _ROW, scale, total)
        x += width


def _drawn(label: str, x: float, y: float, width: float, share: float) -> str:
    _, colour = _origin(label)
    name = label.rpartition(":")[2]
    room = int((width - 4) / _CHARACTER)
    text = name if len(name) <= room else f"{name[: room - 1]}…" if room >= _LEAST_LABEL else ""
    words = f'<text x="{x + 2:.1f}" y="{y + 12:.0f}">{escape(text)}</text>' if text else ""
    rectangle = f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{_ROW}" fill="{colour}"/>'
    return f"<g><title>{escape(label)} {share:.1%}</title>{rectangle}{words}</g>"
