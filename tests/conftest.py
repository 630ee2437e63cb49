"""How tests run: Hypothesis profiles, what runs alone, the clock that jumps, and a clean process for each test."""

from __future__ import annotations

import gc
import inspect
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests import autojump
from tests.process_state import ProcessState, release_failed_test, unignore_sigint

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Playwright

unignore_sigint()

#: The examples are sessions of hundreds of events, which take their time.
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("fast", deadline=None, print_blob=True, max_examples=100, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "deep", deadline=None, print_blob=True, max_examples=1_000, suppress_health_check=_SLOW_IS_FINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

#: Tests that measure time or memory, or use the whole machine: other tests beside them would be measured too.
_ALONE = ("hardening", "test_quickness.py")
_ALONE_WHERE_SLOW = ("loadtests",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by their folder the tests that run alone, and give async tests the clock that jumps."""
    for item in items:
        top = _top(item.path)
        if top in _ALONE or (top in _ALONE_WHERE_SLOW and item.get_closest_marker("slow")):
            item.add_marker("alone")
        if top == "hardening":
            item.add_marker("hardening")
            item.add_marker("wall_clock")
        if _is_async(item) and not item.get_closest_marker("wall_clock"):
            item.add_marker(pytest.mark.trio(run=autojump.run_with_autojump), append=False)


@cache
def _top(path: Path) -> str:
    """The first folder below this one, or the file."""
    return path.relative_to(Path(__file__).parent).parts[0]


def _is_async(item: pytest.Item) -> bool:
    test = getattr(item, "function", None)
    return inspect.iscoroutinefunction(getattr(getattr(test, "hypothesis", None), "inner_test", test))


def pytest_collection_finish() -> None:
    """Spare the garbage collector a million objects that live as long as the tests: it takes a tenth of their time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def process_state_is_restored() -> Iterator[None]:
    """Give every test the process as the one before found it; a test that leaves something behind fails."""
    before = ProcessState.capture()
    autojump.inherit(before.children)
    yield
    changes = before.restore()
    assert not changes, f"left behind: {'; '.join(changes)}"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Run the browsers' driver: one for all tests, because a second one in the same thread fails."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only tests of the marker `browser` pay for it

    with sync_playwright() as driver:
        yield driver


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep warnings about what a failed test held open out of the tests that follow."""
    before = item.session.testsfailed
    result = yield
    if item.session.testsfailed > before:
        release_failed_test()
    return result
