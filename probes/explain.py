"""What a status, close code, error code or finding means, what causes it, and how to mend it. Needs no network.

Refusals come from the protocol's tables, everything else that a probe can find from `probes.problems.tool`; what
passed or was skipped, and the forms of auth, follow a rule.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bridge.client_protocol.errors import ERRORS, ClientCode
from bridge.protocol.refusals.lookup import CLOSE_CODES, ERROR_CODES, HTTP_STATUSES, HttpExchange, all_refusals
from bridge.upstream.client_codes import client_code
from probes.problem_catalogue import PROBLEMS
from probes.runner.check_names import ALL_CHECKS, CHECK_NAMES
from probes.runner.registry import PROBES
from reports.render.json import SCHEMA_VERSION, format_document
from reports.render.terminal_text import wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.protocol.refusals.lookup import Refusal
    from reports.problem import Problem

_PLACES = {
    HttpExchange.REST: "REST status {}",
    HttpExchange.HANDSHAKE: "status {} in place of the WebSocket upgrade",
    HttpExchange.AZURE_HANDSHAKE: "status {} in place of Azure's WebSocket upgrade",
    HttpExchange.SDP: "status {} of the SDP exchange",
}
#: A number looks like one that is known when it differs from it by no more than this.
_NEAR_NUMBER = 10
#: Close codes and statuses have no more digits than this; what is longer is no number that anybody could know.
_MOST_DIGITS = 9
_PASSED = "OK"
_BY_FOLDED = {code.casefold(): refusal for code, refusal in ERROR_CODES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One way to read a code. What only a service's refusal has is None for everything else."""

    seen_as: tuple[str, ...]
    slug: str
    title: str
    cause: str = ""
    fix: str = ""
    retryable: bool | None = None
    fatal: bool | None = None
    client_code: str | None = None
    source: str | None = None


def explain(code: str) -> list[Meaning]:
    """Give every meaning of a code, in the order of how likely it is meant; empty when nobody knows it."""
    code = code.strip()
    own = PROBLEMS.get(code.upper())
    if own is not None:  # exactly this finding, whatever else has the same slug
        return [_of_problem(own)]
    refusals = {refusal.slug: refusal for refusal in _refusals(code)}
    problems = [_of_problem(problem) for problem in PROBLEMS.values() if _is_named(problem, code.upper())]
    of_bridge, of_service = list(_of_client_code(code.upper())), list(map(_of_refusal, refusals.values()))
    first = [*of_bridge, *of_service] if code.isupper() else [*of_service, *of_bridge]
    return [*first, *problems] or list(_by_rule(code.upper()))


def suggest(code: str) -> str:
    """End the message about an unknown code: the known one that looks most like it, or the numbers that there are."""
    if code.strip().isdecimal():
        return _near_number(int(code.strip()[: _MOST_DIGITS + 1]))
    folded = {name.casefold(): name for name in known_codes()}
    close = get_close_matches(code.strip().casefold(), folded, n=1)
    return f": did you mean {folded[close[0]]}?" if close else ""


def known_codes() -> tuple[str, ...]:
    """Name every code in words: error codes, findings, and their slugs alone."""
    refusals = [refusal.slug for refusal in all_refusals()]
    problems = [problem.slug for problem in PROBLEMS.values() if problem.slug != _PASSED]
    return (*ERRORS, *ERROR_CODES, *refusals, *problems, *PROBLEMS, *(f"ACCESS-{slug}" for slug in refusals))


def _near_number(number: int) -> str:
    statuses = sorted({status for _, status in HTTP_STATUSES})
    close = [known for known in (*CLOSE_CODES, *statuses) if abs(known - number) <= _NEAR_NUMBER]
    if close:
        return f": did you mean {min(close, key=lambda known: abs(known - number))}?"
    return f"; close codes: {_listed(CLOSE_CODES)}; HTTP statuses: {_listed(statuses)}"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _refusals(code: str) -> Iterator[Refusal]:
    if code.isdecimal():
        number = int(code[: _MOST_DIGITS + 1])
        if number in CLOSE_CODES:
            yield CLOSE_CODES[number]
        yield from (refusal for (_, status), refusal in HTTP_STATUSES.items() if status == number)
        return
    if code.casefold() in _BY_FOLDED:
        yield _BY_FOLDED[code.casefold()]
    slug = _without_probe(code.upper())
    yield from (refusal for refusal in all_refusals() if refusal.slug == slug)


def _without_probe(code: str) -> str:
    """Take the probe's name off: findings' codes begin with it."""
    return next((code.removeprefix(f"{name.upper()}-") for name in PROBES if code.startswith(f"{name.upper()}-")), code)


def _is_named(problem: Problem, code: str) -> bool:
    """Say whether this is meant: by its slug alone, or as what access met first and others share under their name."""
    if code == problem.slug:
        return code != _PASSED  # which every check can be called
    return code == problem.code or (problem.probe == "access" and _without_probe(code) == problem.slug)


def _of_client_code(code: str) -> Iterator[Meaning]:
    """Explain an error code that a bridge sends to its clients."""
    if code not in ClientCode.__members__:
        return
    info = ERRORS[ClientCode(code)]
    seen = [f"error {code} of a bridge (native endpoint: {code.lower()})"]
    seen += [f"close code {info.close_code} of a bridge"] if info.close_code else []
    seen += [f"status {info.http_status} of a bridge, before the upgrade"] if info.http_status else []
    yield Meaning(
        seen_as=tuple(seen),
        slug=code,
        title=info.title,
        cause=info.cause,
        fix=info.fix,
        retryable=info.retryable,
        fatal=info.ends_session or info.close_code is not None,
        client_code=code,
        source="The client protocol: docs/client.md",
    )


def _of_refusal(refusal: Refusal) -> Meaning:
    return Meaning(seen_as=tuple(_seen_as(refusal)), client_code=str(client_code(refusal)), **asdict(refusal))


def _of_problem(problem: Problem) -> Meaning:
    return Meaning(
        seen_as=(f"finding {problem.code}",),
        slug=problem.slug,
        title=problem.title,
        cause=problem.cause,
        fix=problem.fix,
    )


def _by_rule(code: str) -> Iterator[Meaning]:
    """Explain what needs no words of its own: rows that passed or were skipped, forms of auth."""
    from probes.access.auth_forms import FORM_SLUGS, FORMS  # noqa: PLC0415 - costs the network stack, which no other code here needs
    from probes.runner.findings import slug_of  # noqa: PLC0415 - the same

    slug, probe = _without_probe(code), code.partition("-")[0].lower()
    checks = {slug_of(name): name for name in (*CHECK_NAMES.get(probe, ()), ALL_CHECKS)}
    name, dash, ending = slug.rpartition("-")
    if dash and slug != code and name in checks and ending in _ENDINGS:
        title, cause = (text.replace("CHECK", checks[name]) for text in _ENDINGS[ending])
        yield Meaning(seen_as=(f"finding {code}",), slug=slug, title=title, cause=cause)
    form = next((form for form in FORMS if FORM_SLUGS[form.name] == slug), None)
    if form is not None:
        cause = "The row says whether a session could be opened so, and how it was refused where not."
        title = f"One form of auth that --auth all tries: {form.title}"
        yield Meaning(seen_as=(f"finding {code}",), slug=slug, title=title, cause=cause)


_ENDINGS = {
    "OK": ("The check 'CHECK' passed", "What was looked at is as it should be; nothing is to be done."),
    "SKIPPED": (
        "The check 'CHECK' was not looked at",
        "A check that it stands on failed, or there is nothing to look at here; the row says which. It is no pass.",
    ),
}


def _seen_as(refusal: Refusal) -> Iterator[str]:
    """Say where this cause shows itself."""
    yield from (f"error code {code}" for code, known in ERROR_CODES.items() if known is refusal)
    yield from (f"close code {code}" for code, known in CLOSE_CODES.items() if known is refusal)
    yield from (_PLACES[where].format(status) for (where, status), known in HTTP_STATUSES.items() if known is refusal)


def render_text(code: str, meanings: list[Meaning], width: int = 80) -> str:
    """Write the meanings for people."""
    blocks = [f"{code} has {len(meanings)} meanings, by where it was seen:"] if len(meanings) > 1 else []
    for meaning in meanings:
        retry = {True: "yes, the same attempt can succeed later", False: "no, not as it is", None: ""}
        rows = (
            ("seen", "; ".join(meaning.seen_as)),
            ("cause", meaning.cause),
            *(("next" if first else "", line) for first, line in _lines(meaning.fix)),
            ("retry", retry[meaning.retryable]),
            ("known", meaning.source or ""),
        )
        name = code.upper() if code.upper().endswith(f"-{meaning.slug}") else meaning.slug
        lines = wrap(f"{name}  {meaning.title}", width, "", "  ")
        for label, text in rows:
            lines += wrap(text, width, f"  {label:7}", " " * 9)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    yield from ((number == 0, line) for number, line in enumerate(text.splitlines()))


def render_json(code: str, meanings: list[Meaning]) -> str:
    """Write them for machines."""
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "code": code}
    return format_document({**document, "meanings": [asdict(meaning) for meaning in meanings]})
