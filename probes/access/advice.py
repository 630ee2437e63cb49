"""The fix for a refusal, made specific by the response's headers and the list of models.

The table of refusals has the general fix; this module replaces it where the run knows more. It refers only to headers
that the server sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING

from bridge.config.resolve import DEFAULT_KEY_VARIABLE
from bridge.protocol.models import DEFAULT_MODEL, find_model
from probes.access.model_names import closest_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bridge.protocol.refusals.lookup import Refusal

#: Headers by which the server's operator finds the request in the logs, the most useful first.
_REQUEST_ID_HEADERS = ("cf-ray", "x-request-id", "apim-request-id")
_SERVER_HEADERS = ("server", "via")
PUBLIC_HOST = "api.openai.com"
_PLATFORM = "platform.openai.com"
#: Six digits of seconds are eleven days; a longer Retry-After is a mistake.
_MAX_WAIT_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """The facts that advice depends on. Make it with `gather_clues`."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """The response's headers, names in lower case."""
    model: str = ""
    """The requested model."""
    other_models: Sequence[str] = ()
    """The other realtime models that this key can use, best first."""
    models_listed: bool = True
    """Whether the server's list of models is known."""
    host: str = ""
    """The host of the server; empty for the public service."""
    key_source: str = DEFAULT_KEY_VARIABLE
    """The variable or file that the key came from."""

    @property
    def retry_after(self) -> str:
        """The seconds that the server asks to wait, as text; empty if it doesn't."""
        value = self.headers.get("retry-after", "")
        return value if value.isascii() and value.isdecimal() and len(value) <= _MAX_WAIT_DIGITS else ""

    @property
    def request_id(self) -> str:
        """Name and value of the header that identifies the request; empty if the server sent none."""
        return next((f"{name} {self.headers[name]}" for name in _REQUEST_ID_HEADERS if self.headers.get(name)), "")


def gather_clues(
    headers: Iterable[tuple[str, str]],
    model: str = "",
    other_models: Sequence[str] = (),
    *,
    host: str = "",
    key_source: str = DEFAULT_KEY_VARIABLE,
    models_listed: bool = True,
) -> Clues:
    """Collect the clues; header names may be in any case."""
    lower = {name.lower(): value for name, value in headers}
    return Clues(
        headers=lower,
        model=model,
        other_models=other_models,
        host=host,
        key_source=key_source,
        models_listed=models_listed,
    )


def advise(refusal: Refusal, clues: Clues) -> str:
    """Return the fix for a refusal, one step a line. It starts with the time to wait if the server sent one."""
    specific = _SPECIFIC_ADVICE.get(refusal.slug)
    fix = specific(clues) if specific else refusal.fix
    if clues.host and _PLATFORM in fix:
        fix = f"Ask the operator of {clues.host}; if the key is from OpenAI: {fix[:1].lower()}{fix[1:]}"
    return f"Wait {clues.retry_after} s, as the server asks\n{fix}" if clues.retry_after and refusal.retryable else fix


def explain_cause(refusal: Refusal, clues: Clues) -> str:
    """Return the cause of a refusal where the run knows more than the table; empty otherwise."""
    if refusal.slug == "KEY-REFUSED" and _is_accepted_elsewhere(clues):
        return (
            f"{clues.host} answered GET /models with this key. Either that call needs no key there, or the key that is "
            f"refused is the one that {clues.host} uses for the service behind it."
        )
    return ""


def _is_accepted_elsewhere(clues: Clues) -> bool:
    """Whether a gateway or compatible server has answered another call with the same key."""
    return bool(clues.host) and clues.models_listed


def with_support_hint(fix: str, clues: Clues) -> str:
    """Append what to tell support so that they can find the request."""
    return f"{fix}; if the failure persists, tell support {clues.request_id or 'the time of this run'}"


def _another_key(clues: Clues) -> str:
    if _is_accepted_elsewhere(clues):
        return (
            f"Compare the key in {clues.key_source} with the keys that {clues.host} accepts. If it is one of them, ask "
            f"the operator of {clues.host} to check its own key for the service behind it"
        )
    keys = f"the keys that {clues.host} accepts" if clues.host else f"the list at https://{_PLATFORM}/api-keys"
    return (
        f"Compare the last four characters of the key with {keys},"
        f" put a valid key in {clues.key_source}, then run the command again"
    )


def _after_a_pause(then: str) -> Callable[[Clues], str]:
    return lambda clues: f"Then {then}" if clues.retry_after else f"Wait a minute, then {then}"


def _find_server(clues: Clues, then: str) -> str:
    server = next((f"{name}: {clues.headers[name]}" for name in _SERVER_HEADERS if clues.headers.get(name)), "")
    first = f"Find out which server responded ({server})" if server else "Check the base URL's host and path"
    return f"{first}{then}"


def _another_model(clues: Clues) -> str:
    if clues.other_models:
        misspelled = find_model(clues.model) is None
        other = closest_name(clues.model, clues.other_models) if misspelled else clues.other_models[0]
        return f"Try another realtime model that this key can use: sherpa-probe access --model {quote(other)}"
    if clues.model != DEFAULT_MODEL:
        return f"Try a current model: sherpa-probe access --model {DEFAULT_MODEL}"
    if not clues.models_listed:
        return "Check which models this key can use: sherpa-probe models"
    return "Allow realtime models under Limits in the project's settings, or use a key from another project"


def _forbidden(clues: Clues) -> str:
    if clues.other_models:
        return with_support_hint("The key is allowed to use realtime models, so try from another network", clues)
    return with_support_hint("Check that the project can use realtime models, then try from another network", clues)


def redirect_advice(clues: Clues) -> str:
    """Return the command that follows a redirect, or what to do if its Location is no URL."""
    location = clues.headers.get("location", "")
    if not location.startswith(("https://", "http://")):
        return "If you trust the URL in the Location header with the key, use it as the base URL"
    base = location.partition("?")[0].removesuffix("/").removesuffix("/models").removesuffix("/realtime")
    return f"If you trust that URL with the key: sherpa-probe access --base-url {quote(base)}"


_SPECIFIC_ADVICE: Mapping[str, Callable[[Clues], str]] = {
    "KEY-REFUSED": _another_key,
    "RATE-LIMITED": _after_a_pause(
        "retry with exponential backoff; if it happens every day, raise the tier or spread the load over projects"
    ),
    "OVERLOADED": _after_a_pause("retry with exponential backoff, and increase the load more slowly"),
    "AZURE-CAPACITY": _after_a_pause(
        "raise the deployment's quota in the Azure portal, or deploy the model in another region"
    ),
    "SERVER-ERROR": lambda clues: with_support_hint("Retry with exponential backoff", clues),
    "UPGRADE-FORBIDDEN": _forbidden,
    "UPGRADE-UNAUTHORIZED": lambda clues: _find_server(clues, ", then send the credential that it needs"),
    "HTTP-ERROR": lambda clues: _find_server(clues, ", and ask its operator what this response means"),
    "MODEL-NOT-FOUND": _another_model,
    "INVALID-MODEL": _another_model,
    "REDIRECTED": redirect_advice,
    "SHAPE-REFUSED": lambda _: "Name a model in the URL, and send no OpenAI-Beta header",
    "CLOSED": lambda _: "Ask the server's operator what this close code means",
}
