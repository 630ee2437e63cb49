"""How hypothesis runs here: `HYPOTHESIS_PROFILE=deep` looks further than the everyday profile."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

#: The examples are sessions of hundreds of events: slow to make is no fault of theirs.
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("fast", deadline=None, print_blob=True, max_examples=100, suppress_health_check=_UNHURRIED)
settings.register_profile("deep", deadline=None, print_blob=True, max_examples=2_000, suppress_health_check=_UNHURRIED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
