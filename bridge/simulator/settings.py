"""The settings of a simulator: one frozen value."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.protocol.recordings.capture import Capture
    from bridge.simulator.faults.base import Fault

DialectMode = Literal["ga", "beta", "both"]

#: The smallest and the largest time factor. Beyond them, a session would end as it starts, or outlive the program.
TIME_FACTORS = (0.001, 1_000_000.0)


def time_factor_error(name: str, value: float) -> str | None:
    """Return a message if `value` is not a valid time factor; None if it is valid. NaN is not."""
    least, most = TIME_FACTORS
    return None if least <= value <= most else f"{name} takes a number from {least:g} to {most:.0f}, not {value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one simulator. The options of `sherpa-sim serve` have the same names."""

    scenario: str = "good"
    """The scenario of API keys that do not select one themselves."""
    faults: tuple[Fault, ...] = ()
    """Faults for every connection, in addition to those of the scenario."""
    dialect: DialectMode = "ga"
    """`ga`: refuse the beta header, as OpenAI does since 2026-05. `both`: let the header decide. `beta`: only beta."""
    seed: int = 0
    time_scale: float = 1.0
    """Sessions age this many times as fast. Speech, client secrets and pings keep their normal timing."""
    pace: float = 1.0
    """Responses are this many times as fast as recorded."""
    control: bool = False
    """Whether to serve the control API below `/_sim/`."""
    ping_seconds: float | None = None
    """Seconds between WebSocket pings; None for the recorded interval of 20.26 s."""
    recording: Capture | None = None
    """A recorded session that every connection gets, at `pace` times its speed; None answers clients instead."""
    unix_time: Callable[[], float] = time.time
    """The clock of secrets, model lists and records, in Unix seconds."""

    def __post_init__(self) -> None:
        """Raise ValueError if a time factor is out of range."""
        error = time_factor_error("time_scale", self.time_scale) or time_factor_error("pace", self.pace)
        if error is not None:
            raise ValueError(error)
