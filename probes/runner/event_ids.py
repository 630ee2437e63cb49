"""The `event_id`s of the events that probes send: by them the service names the event that an error is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "event_sherpa_"


def own_event_id(name: object) -> str:
    """Return the `event_id` of an event that a probe sends; `name` tells it from the others of its session."""
    return f"{_PREFIX}{name}"


def is_own_request(error: Mapping[str, Any]) -> bool:
    """Whether an error answers an event that a probe sent, not one that a bridge sent on its own account."""
    return str(error.get("event_id") or "").startswith(_PREFIX)
