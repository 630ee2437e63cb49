"""The places where a file gives a session, a response or a client secret its settings, by what receives them.

A value is judged only where it reaches one of these. An object that merely looks like a session is none: the
configurations of the Agents SDK, for one, use the beta's words where they are right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of
from probes.lint.analysis.code import Code, last_name, string_value
from probes.lint.analysis.handlers import event_uses
from probes.lint.analysis.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePath

    from ast_grep_py import SgNode

    from probes.lint.analysis.handlers import EventUse
    from probes.lint.analysis.values import Entry
    from probes.lint.languages import Language


class Receiver(Enum):
    """What receives a value."""

    UPDATE = auto()
    """`session` of session.update."""
    SECRET = auto()
    """`session` of a request for a client secret."""
    BETA_SECRET = auto()
    """The body of a request to the beta's `/realtime/sessions`."""
    RESPONSE = auto()
    """`response` of response.create."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """A value and what receives it."""

    receiver: Receiver
    value: SgNode
    message: SgNode
    """The message or call around it."""


_SECRET_PATH, _BETA_SECRET_PATH = re.compile(r"/realtime/client_secrets\b"), re.compile(r"/realtime/sessions\b")
_REQUESTS = ("post", "fetch", "request", "send")
_UPDATE, _CREATE = "session.update", "response.create"


class RealtimeCode(Code):
    """A parsed file, what its names stand for, and which sessions it configures."""

    def __init__(self, root: SgNode, text: str, language: Language, path: PurePath, file: Path | None = None) -> None:
        super().__init__(root, text, language, path)
        self.values = Values(self, file)

    @cached_property
    def events(self) -> list[EventUse]:
        """Every mention of an event's name."""
        return event_uses(self)

    @cached_property
    def settings(self) -> list[SessionSettings]:
        """All values that this file gives to sessions, responses and client secrets."""
        return [*self._in_messages(), *self._in_calls(), *self._in_requests()]

    def settings_of(self, *receivers: Receiver) -> list[SessionSettings]:
        """Return the values that are given to these receivers."""
        return [each for each in self.settings if each.receiver in receivers]

    def messages(self, *types: str) -> Iterator[SgNode]:
        """Yield the object literals with one of these types."""
        for type_ in types:
            for node in self.strings.get(type_, ()):
                pair = node.parent()
                key = pair.field("key") if pair is not None and pair.kind() == "pair" else None
                message = pair.parent() if pair is not None else None
                if key is not None and string_value(key) == "type" and message is not None:
                    yield message

    def _in_messages(self) -> Iterator[SessionSettings]:
        for name, receiver, type_ in (("session", Receiver.UPDATE, _UPDATE), ("response", Receiver.RESPONSE, _CREATE)):
            for message in self.messages(type_):
                for entry in self.values.fields_of(message).named(name):
                    yield SessionSettings(receiver, entry.value, message)
            # openai-realtime-api-beta and its descendants: send("session.update", { session })
            for node in self.strings.get(type_, ()):
                holder = node.parent()
                call = (
                    holder.parent() if holder is not None and holder.kind() in {"arguments", "argument_list"} else None
                )
                if call is not None and call.kind() == self.grammar.call:
                    for argument in arguments_of(call)[1:]:
                        for entry in self.values.fields_of(argument).named(name):
                            yield SessionSettings(receiver, entry.value, call)

    def _in_calls(self) -> Iterator[SessionSettings]:
        """Find the SDKs' calls: `session.update(session=...)`, `clientSecrets.create({ session })`."""
        for verb, holders, receiver, name in (
            ("update", r"\bsession$", Receiver.UPDATE, "session"),
            ("create", r"(?i)\bclient_?secrets$", Receiver.SECRET, "session"),
            ("create", r"(?i)(?:conn\w*|realtime|client|rt)\.response$", Receiver.RESPONSE, "response"),
        ):
            for call in self.calls.get(verb, ()):
                function = call.field("function")
                holder = function.field("object") if function is not None else None
                if holder is not None and re.search(holders, holder.text()[-40:]):
                    for entry in self._named_arguments(call, name):
                        yield SessionSettings(receiver, entry, call)

    def _named_arguments(self, call: SgNode, name: str) -> Iterator[SgNode]:
        for argument in arguments_of(call):
            label, value = argument.field("name"), argument.field("value")
            if argument.kind() == "keyword_argument":
                if label is not None and value is not None and label.text() == name:
                    yield value
            else:
                yield from (entry.value for entry in self.values.fields_of(argument).named(name))

    def _in_requests(self) -> Iterator[SessionSettings]:
        """Find the bodies of requests for client secrets, at the address of today and at the beta's."""
        if "/realtime/" not in self.text:
            return
        for verb in _REQUESTS:
            for call in self.calls.get(verb, ()):
                arguments = arguments_of(call)
                addresses = self.values.texts(arguments[0]) if arguments else []
                if any(map(_SECRET_PATH.search, addresses)):
                    for body in self._bodies(arguments[1:]):
                        for entry in self.values.fields_of(body).named("session"):
                            yield SessionSettings(Receiver.SECRET, entry.value, call)
                if any(map(_BETA_SECRET_PATH.search, addresses)):
                    for body in self._bodies(arguments[1:]):
                        yield SessionSettings(Receiver.BETA_SECRET, body, call)

    def _bodies(self, arguments: list[SgNode]) -> Iterator[SgNode]:
        """Yield what a request carries: `json=`, `data=`, `{ body: JSON.stringify(...) }`, axios's second argument."""
        for argument in arguments:
            label, value = argument.field("name"), argument.field("value")
            if argument.kind() == "keyword_argument":
                if label is not None and value is not None and label.text() in {"json", "data", "body", "content"}:
                    yield value
                continue
            bodies = self.values.fields_of(argument).named("body")
            yield from (entry.value for entry in bodies)
            if not bodies and argument == arguments[0] and last_name(argument) not in {"headers", "options"}:
                yield argument

    def entries_of(self, settings: SessionSettings) -> list[Entry]:
        """Return the entries of a value. Bodies with a `session` of their own are for the address of today."""
        fields = self.values.fields_of(settings.value)
        if settings.receiver is not Receiver.BETA_SECRET:
            return fields.entries
        for_today = {entry.node.parent() for entry in fields.named("session")}
        return [entry for entry in fields.entries if entry.node.parent() not in for_today]
