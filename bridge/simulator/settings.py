"""How a simulator is set up: one frozen value."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.simulator.faults.base import Fault

DialectMode = Literal["ga", "beta", "both"]

#: What a factor of time may be: beyond it a session would be over in the moment it begins, or outlive its program.
TIME_FACTORS = (0.001, 1_000_000.0)


def time_factor_error(name: str, value: float) -> str | None:
    """Say in a sentence why this is no factor of time, nan included; None when it is one."""
    least, most = TIME_FACTORS
    return None if least <= value <= most else f"{name} takes a number from {least:g} to {most:.0f}, not {value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `sherpa-sim serve` takes, and what tests choose."""

    scenario: str = "good"
    """For every key that asks for none by itself."""
    faults: tuple[Fault, ...] = ()
    """On top of the scenario, for every connection."""
    dialect: DialectMode = "ga"
    """`ga`: as today, the beta header is refused. `both`: the header decides, as until 2026-05. `beta`: as in 2024."""
    seed: int = 0
    time_scale: float = 1.0
    """Sessions age this many times as fast; speech, secrets and pings keep their time."""
    pace: float = 1.0
    """Answers are thought and spoken this many times as fast as recorded."""
    control: bool = False
    """Whether `/_sim/…` is served."""
    ping_seconds: float | None = None
    """Seconds between WebSocket pings; None: as recorded (20.26)."""
    unix_time: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        """Raise ValueError, in a sentence, for a factor of time that is none."""
        fault = time_factor_error("time_scale", self.time_scale) or time_factor_error("pace", self.pace)
        if fault is not None:
            raise ValueError(fault)
