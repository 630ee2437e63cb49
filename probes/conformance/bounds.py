"""How long the suite waits, in seconds. Waits end as soon as what they wait for has come, so bounds are generous."""

from __future__ import annotations

from typing import Final

#: For what a bridge does at once: a hundred times what it takes.
SOON: Final = 5.0
#: A first session may wait for a cold start, an attempt and its retry.
READY_SECONDS: Final = 15.0
