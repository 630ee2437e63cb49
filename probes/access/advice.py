"""What to do about a refusal, by what was seen on this visit: no header is asked for that did not come.

The table of refusals says what holds in general; here is only what the answer's headers and the list of models change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING

from bridge.config.resolve import DEFAULT_KEY_VARIABLE
from bridge.protocol.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bridge.protocol.refusals.lookup import Refusal

#: Headers by which whoever runs a server finds the request again, the most telling first.
_TRACES = ("cf-ray", "x-request-id", "apim-request-id")
_SENDERS = ("server", "via")
PUBLIC_HOST = "api.openai.com"
_PLATFORM = "platform.openai.com"
#: So many digits of seconds are eleven days: nobody means more.
_LONGEST_WAIT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """What was seen. Make it with `clues`."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, names in lower case."""
    model: str = ""
    """The model that was asked for."""
    other_models: Sequence[str] = ()
    """The other realtime models that this key may use, the best first."""
    models_listed: bool = True
    """Whether anybody has looked which models this key may use."""
    host: str = ""
    """Who answered; empty for the public service."""
    key_source: str = DEFAULT_KEY_VARIABLE
    """The variable or file that the key came from."""

    @property
    def retry_after(self) -> str:
        """How many seconds the server asks to wait; empty where it does not."""
        told = self.headers.get("retry-after", "")
        return told if told.isascii() and told.isdecimal() and len(told) <= _LONGEST_WAIT else ""

    @property
    def request_id(self) -> str:
        """The header and value that find the request again; empty where none came."""
        return next((f"{name} {self.headers[name]}" for name in _TRACES if self.headers.get(name)), "")


def gather_clues(
    headers: Iterable[tuple[str, str]],
    model: str = "",
    other_models: Sequence[str] = (),
    *,
    host: str = "",
    key_source: str = DEFAULT_KEY_VARIABLE,
    models_listed: bool = True,
) -> Clues:
    """Gather what was seen."""
    lower = {name.lower(): value for name, value in headers}
    return Clues(
        headers=lower,
        model=model,
        other_models=other_models,
        host=host,
        key_source=key_source,
        models_listed=models_listed,
    )


def advise(refusal: Refusal, found: Clues) -> str:
    """Say what to do next; how long to wait stands in front, where the server said it and waiting helps."""
    say = _KNOWING.get(refusal.slug)
    fix = say(found) if say else refusal.fix
    if found.host and _PLATFORM in fix:
        fix = f"Ask whoever runs {found.host}; if the key is OpenAI's own: {fix[:1].lower()}{fix[1:]}"
    return f"Wait {found.retry_after} s, as the server asks\n{fix}" if found.retry_after and refusal.retryable else fix


def with_support_hint(fix: str, found: Clues) -> str:
    """End an advice with whom to tell, and by what they find the request."""
    return f"{fix}; if it stays, give support {found.request_id or 'the time of this look'}"


def _another_key(found: Clues) -> str:
    """Name the place that the key came from, and whoever knows which keys are good."""
    known = f"what {found.host} takes" if found.host else f"the list at https://{_PLATFORM}/api-keys"
    return (
        f"Compare the last four characters of the key that was sent with {known},"
        f" put a valid one into {found.key_source}, then run the same command again"
    )


def _after_a_pause(then: str) -> Callable[[Clues], str]:
    return lambda found: f"Then {then}" if found.retry_after else f"Wait a minute, then {then}"


def _sent_by(found: Clues, otherwise: str) -> str:
    who = next((f"{name}: {found.headers[name]}" for name in _SENDERS if found.headers.get(name)), "")
    return f"Find out who answered ({who}){otherwise}" if who else f"Look at host and path of the base URL{otherwise}"


def _another_model(found: Clues) -> str:
    if found.other_models:
        return (
            f"Ask for another one of this key's realtime models: sherpa-probe access --model "
            f"{quote(found.other_models[0])}"
        )
    if found.model != DEFAULT_MODEL:
        return f"Ask for a current model: sherpa-probe access --model {DEFAULT_MODEL}"
    if not found.models_listed:
        return "See which models this key may use: sherpa-probe models"
    return "Allow realtime models under Limits in the project's settings, or use another project's key"


def _forbidden(found: Clues) -> str:
    first = (
        "The project lists realtime models, so" if found.other_models else "Check that the project may use them, then"
    )
    return with_support_hint(f"{first} try from another network", found)


def redirect_advice(found: Clues) -> str:
    """Say where a redirect leads, as the command that goes there."""
    location = found.headers.get("location", "")
    if not location.startswith(("https://", "http://")):
        return "Put the address that it leads to into the base URL, if it is one you trust with the key"
    base = location.partition("?")[0].removesuffix("/").removesuffix("/models").removesuffix("/realtime")
    return f"If you trust that address with the key: sherpa-probe access --base-url {quote(base)}"


_KNOWING: Mapping[str, Callable[[Clues], str]] = {
    "KEY-REFUSED": _another_key,
    "RATE-LIMITED": _after_a_pause(
        "come back with growing pauses; if it returns every day, raise the tier or spread the load over projects"
    ),
    "OVERLOADED": _after_a_pause("come back with growing pauses and a gentler rise"),
    "AZURE-CAPACITY": _after_a_pause(
        "raise the deployment's quota in the Azure portal, or deploy the model in another region"
    ),
    "SERVER-ERROR": lambda found: with_support_hint("Try again with growing pauses", found),
    "UPGRADE-FORBIDDEN": _forbidden,
    "UPGRADE-UNAUTHORIZED": lambda found: _sent_by(found, ", then give that server the key it wants"),
    "HTTP-ERROR": lambda found: _sent_by(found, ", and ask there what this answer means"),
    "MODEL-NOT-FOUND": _another_model,
    "INVALID-MODEL": _another_model,
    "REDIRECTED": redirect_advice,
    "SHAPE-REFUSED": lambda _: "Name a model in the URL and send no OpenAI-Beta header; the close tells no more",
    "CLOSED": lambda _: "Ask whoever runs the server what this close code means there",
}
