"""How tests run here: `HYPOTHESIS_PROFILE=deep` looks further, and what measures the machine has it alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import pytest

#: The examples are sessions of hundreds of events: slow to make is no fault of theirs.
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("fast", deadline=None, print_blob=True, max_examples=100, suppress_health_check=_UNHURRIED)
settings.register_profile("deep", deadline=None, print_blob=True, max_examples=2_000, suppress_health_check=_UNHURRIED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

#: Tests of time and memory, and those that fill the machine themselves: others beside them would be measured too.
_ALONE = ("hardening", "test_quickness.py")
_ALONE_WHERE_SLOW = ("loadtests",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs alone, by where it stands."""
    for item in items:
        top = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        if top in _ALONE or (top in _ALONE_WHERE_SLOW and item.get_closest_marker("slow")):
            item.add_marker("alone")
