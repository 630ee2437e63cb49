"""The bridge, made slow on purpose: each chunk of speech stops its event loop for a millisecond.

So a dozen callers fill a worker, on any machine: it sleeps, so that it takes no processor from those who measure.
"""

from __future__ import annotations

import time
from typing import Final

from bridge.server.cli import main
from bridge.server.clients.json_client import JsonClient

_SECONDS: Final = 0.001
_on_binary = JsonClient.on_binary


def _on_binary_slowly(self: JsonClient, data: bytes) -> None:
    time.sleep(_SECONDS)
    _on_binary(self, data)


def run() -> None:
    """Run the command of the bridge."""
    JsonClient.on_binary = _on_binary_slowly  # type: ignore[method-assign]
    main()
