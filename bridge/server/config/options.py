"""Every setting of the bridge as one row: its type, its range and its default.

To add a setting, add a row here and in `bridge.config.toml_file`, and use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from bridge.config.toml_file import ConfigError, did_you_mean
from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.telemetry.log import LEVELS, LogFormat

if TYPE_CHECKING:
    from collections.abc import Mapping


class OptionType(Enum):
    """The type of a setting; the value is its name in messages."""

    TEXT = "a string"
    FLAG = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"
    TEXTS = "a list of strings"


_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row. `minimum` and `maximum` limit numbers, `choices` strings."""

    type: OptionType = OptionType.TEXT
    default: object = None
    minimum: float = 0
    maximum: float = 1e9
    choices: tuple[str, ...] = ()

    def parse(self, text: str, source: str) -> object:
        """Parse the value of an environment variable; lists are comma-separated. Raises ConfigError."""
        match self.type:
            case OptionType.TEXT:
                return text
            case OptionType.TEXTS:
                return [part.strip() for part in text.split(",") if part.strip()]
            case OptionType.FLAG if text.lower() in _FLAGS:
                return _FLAGS[text.lower()]
            case OptionType.WHOLE | OptionType.NUMBER:
                try:
                    return float(text)
                except ValueError:
                    pass
        raise ConfigError(f"{source}: must be {self.type.value}, but is {text[:40]!r}")

    def check(self, value: object, source: str) -> object:
        """Check and normalize a value of the right type. Raises ConfigError."""
        if isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, source)
        if isinstance(value, list | tuple):
            return tuple(value)
        text = str(value)
        if not text.strip():
            raise ConfigError(f"{source}: is empty")
        if self.choices and text not in self.choices:
            raise ConfigError(f"{source}: unknown value {text!r}{did_you_mean(text, self.choices)}")
        return text

    def _number(self, value: float, source: str) -> float:
        if not self.minimum <= value <= self.maximum:
            raise ConfigError(f"{source}: must be from {self.minimum:.0f} to {self.maximum:.0f}, but is {value:.12g}")
        if self.type is OptionType.WHOLE and value != int(value):
            raise ConfigError(f"{source}: must be a whole number, but is {value:g}")
        return int(value) if self.type is OptionType.WHOLE else value


def _whole(default: int, minimum: int, maximum: int) -> Option:
    return Option(type=OptionType.WHOLE, default=default, minimum=minimum, maximum=maximum)


_FLAG_OFF = Option(type=OptionType.FLAG, default=False)
_TEXTS = Option(type=OptionType.TEXTS, default=())

OPTIONS: Mapping[str, Option] = {
    "host": Option(default="127.0.0.1"),
    "port": _whole(8765, 0, 65535),
    "admin_listen": Option(),
    "admin_token_env": Option(),
    "allow_origin": _TEXTS,
    "allow_anonymous": _FLAG_OFF,
    "client_token_env": Option(),
    "max_sessions": _whole(1000, 1, 1_000_000),
    "connections_per_ip_per_second": Option(type=OptionType.NUMBER, default=50.0, maximum=1e6),
    "dials_per_ip_per_second": Option(type=OptionType.NUMBER, default=5.0, maximum=1e6),
    "dials_per_second": Option(type=OptionType.NUMBER, default=200.0, maximum=1e6),
    "sessions_per_ip": _whole(100, 0, 1_000_000),
    "trusted_proxies": _TEXTS,
    "proxy_protocol": _FLAG_OFF,
    "used_tickets_dir": Option(),
    "workers": _whole(1, 1, 64),
    "node": Option(default="bridge"),
    "tls_cert": Option(),
    "tls_key": Option(),
    "mint": _FLAG_OFF,
    "prewarm": _whole(0, 0, 100),
    "rollover": Option(type=OptionType.FLAG, default=True),
    "voice": Option(),
    "instructions": Option(),
    "turn_detection": Option(choices=("server_vad", "semantic_vad", "none")),
    "locked": _TEXTS,
    "max_message_bytes": _whole(4 * 2**20, 64 * 1024, MAX_MESSAGE_BYTES),
    "bytes_per_second": Option(type=OptionType.NUMBER, default=1_000_000.0, minimum=64_000),
    "frames_per_second": Option(type=OptionType.NUMBER, default=500.0, minimum=50),
    "shed_lag_ms": Option(type=OptionType.NUMBER, default=250.0, maximum=60_000),
    "memory_mib": _whole(1024, 0, 1_000_000),
    "no_session_seconds": Option(type=OptionType.NUMBER, default=60.0, maximum=86_400),
    "idle_seconds": Option(type=OptionType.NUMBER, default=0.0, maximum=86_400),
    "max_session_seconds": Option(type=OptionType.NUMBER, default=0.0, maximum=30 * 86_400),
    "max_cost_usd": Option(type=OptionType.NUMBER, default=0.0, maximum=1e6),
    "max_tokens": _whole(0, 0, 1_000_000_000),
    "sessions_per_identity": _whole(0, 0, 1_000_000),
    "cost_usd_per_identity": Option(type=OptionType.NUMBER, default=0.0, maximum=100_000),
    "tokens_per_identity": _whole(0, 0, 1_000_000_000),
    "prices": Option(),
    "drain_seconds": Option(type=OptionType.NUMBER, default=10.0, maximum=3600),
    "page": Option(type=OptionType.FLAG, default=True),
    "log_format": Option(choices=tuple(LogFormat)),
    "log_level": Option(default="info", choices=LEVELS),
}
