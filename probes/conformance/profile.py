"""The dialect of a bridge's clients, as a declarative file: paths, message names, how audio is said.

Without a profile a bridge speaks the client protocol. A profile maps its words to those of a bridge that has others; a
case that needs a word that the profile does not have is not applicable. `native` is built in: a bridge that has only
the native endpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The messages of a client that a profile may rename or leave out.
CLIENT_WORDS = (
    *("create_session", "audio", "audio_commit", "text", "interrupt", "tool_result", "playback"),
    *("restart_session", "end_session", "ping"),
)


class ProfileError(ValueError):
    """The file is no profile; the message says where and why."""


class SendRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a message of ours is said."""

    type: str
    fields: dict[str, str] = {}
    """Our names of fields, and theirs; a dot goes down into an object. An empty name leaves the field out."""
    constants: dict[str, Any] = {}
    """What the message has besides."""


class ReceiveRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which message of ours a message of theirs is."""

    as_: str = msgspec.field(name="as")
    fields: dict[str, str] = {}
    """Their names of fields, and ours."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One client dialect."""

    name: str = "client protocol"
    path: str = CLIENT_PATH
    native_path: str = NATIVE_PATH
    model: str = "gpt-realtime-2.1"
    """The model that native clients ask for."""
    type_field: str = "type"
    greets: bool = True
    """Whether the bridge speaks first."""
    audio: Literal["binary", "message"] = "binary"
    """Whether speech goes up in binary frames, or in the message `audio`."""
    groups: str = ""
    """The letters of the groups that make sense; empty for all."""
    send: dict[str, SendRule | bool] = {}
    """By our message; false: there is none."""
    receive: dict[str, ReceiveRule | str] = {}
    """By their message: ours."""

    def outgoing(self, message_type: str, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a message as this dialect says it; None if it has no word for it."""
        rule = self.send.get(message_type, True)
        if rule is False:
            return None
        if isinstance(rule, bool):
            return {self.type_field: message_type, **fields}
        body: dict[str, Any] = {self.type_field: rule.type, **rule.constants}
        for name, value in fields.items():
            _put(body, rule.fields.get(name, name), value)
        return body

    def incoming(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a received message as the client protocol says it."""
        theirs = body.get(self.type_field)
        rule = self.receive.get(theirs) if isinstance(theirs, str) else None
        if rule is None:
            return body if self.type_field == "type" else {**body, "type": theirs}
        if isinstance(rule, str):
            return {**body, "type": rule}
        renamed = {ours: _get(body, name) for name, ours in rule.fields.items()}
        return {**body, **renamed, "type": rule.as_}


NATIVE = Profile(name="native", path=NATIVE_PATH, groups="M", send=dict.fromkeys(CLIENT_WORDS, False))
CLIENT_PROTOCOL = Profile()


def load_profile(name: str | None) -> Profile:
    """Return the profile with this name, or of this file. Raises ProfileError."""
    if name is None:
        return CLIENT_PROTOCOL
    if name == "native":
        return NATIVE
    try:
        profile = msgspec.toml.decode(Path(name).read_bytes(), type=Profile)
    except OSError as error:
        raise ProfileError(f"can't read the profile {name}: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{name} is no profile: {error}") from None
    unknown = sorted(set(profile.send) - set(CLIENT_WORDS))
    if unknown:
        raise ProfileError(f"{name}: [send] has no message {unknown[0]!r}; it has {', '.join(CLIENT_WORDS)}")
    return profile


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    if not path:
        return
    *parents, last = path.split(".")
    for parent in parents:
        body = body.setdefault(parent, {})
    body[last] = value


def _get(body: Mapping[str, Any], path: str) -> Any:
    value: Any = body
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
