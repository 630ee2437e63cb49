"""What a status, close code, error code or finding code means, what causes it, and how to fix it. Needs no network.

Refusals come from the protocol's tables, everything else from `probes/problem_catalogue.py`. Codes of passed and
skipped checks and of the forms of authentication are derived from their names.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bridge.client_protocol.errors import ERRORS, ClientCode
from bridge.protocol.refusals.lookup import CLOSE_CODES, ERROR_CODES, HTTP_STATUSES, HttpExchange, all_refusals
from bridge.upstream.client_codes import client_code
from probes.common_problems import COMMON_PROBLEMS
from probes.lint.examples import ExampleKind, read_examples
from probes.lint.rules.registry import RULES
from probes.runner.registry import ALL_CHECKS, CHECK_NAMES, PROBES
from reports.render.json import SCHEMA_VERSION, format_document
from reports.render.terminal_text import wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.protocol.refusals.lookup import Refusal
    from probes.conformance.case import Case
    from reports.problem import Problem

_STATUS_PLACES = {
    HttpExchange.REST: "REST status {}",
    HttpExchange.HANDSHAKE: "status {} instead of the WebSocket upgrade",
    HttpExchange.AZURE_HANDSHAKE: "status {} instead of Azure's WebSocket upgrade",
    HttpExchange.SDP: "status {} of the SDP exchange",
}
#: Largest difference at which a known number is suggested for an unknown one.
_MAX_DISTANCE = 10
#: Close codes and statuses have at most this many digits; longer numbers are unknown without being converted.
_MAX_DIGITS = 9
_PASSED = "OK"
_ERROR_CODES_FOLDED = {code.casefold(): refusal for code, refusal in ERROR_CODES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One meaning of a code. Fields that only a refusal of the service has are None for all others."""

    seen_as: tuple[str, ...]
    slug: str
    title: str
    cause: str = ""
    fix: str = ""
    retryable: bool | None = None
    fatal: bool | None = None
    client_code: str | None = None
    source: str | None = None
    bad: str | None = None
    """Code with the mistake, for rules of lint."""
    good: str | None = None
    does: str | None = None
    """What a case of the conformance suite does."""
    contract: str | None = None
    """What such a case expects of the bridge, and the section of the client protocol that says so."""


def _all_problems() -> Mapping[str, Problem]:
    from probes.problem_catalogue import PROBLEMS  # noqa: PLC0415 - its cases bring clients and servers with them

    return PROBLEMS


def _case(code: str) -> Case | None:
    """Return the case of the conformance suite whose failure has this code."""
    if code in COMMON_PROBLEMS:
        return None
    from probes.problem_catalogue import CASES_BY_CODE  # noqa: PLC0415 - as above

    return CASES_BY_CODE.get(code)


def explain(code: str) -> list[Meaning]:
    """Return every meaning of a code, the most likely one first; empty if the code is unknown."""
    code = code.strip()
    known = COMMON_PROBLEMS if code.isdecimal() else _all_problems()  # a number is no case, and is answered at once
    exact = known.get(code.upper())
    if exact is not None:  # an exact finding code wins over others with the same slug
        return [_problem_meaning(exact)]
    refusals = {refusal.slug: refusal for refusal in _refusals(code)}
    problems = [_problem_meaning(problem) for problem in known.values() if _is_named(problem, code.upper())]
    of_bridge, of_service = list(_client_code_meaning(code.upper())), list(map(_refusal_meaning, refusals.values()))
    # A bridge's codes are upper case on the wire, those of the service are not.
    first = [*of_bridge, *of_service] if code.isupper() else [*of_service, *of_bridge]
    return [*first, *problems] or list(_derived(code.upper()))


def suggest(code: str) -> str:
    """Return the end of the message about an unknown code: the most similar known one, or all known numbers."""
    if code.strip().isdecimal():
        return _suggest_number(int(code.strip()[: _MAX_DIGITS + 1]))
    folded = {name.casefold(): name for name in known_codes()}
    close = get_close_matches(code.strip().casefold(), folded, n=1)
    return f": did you mean {folded[close[0]]}?" if close else ""


def known_codes() -> tuple[str, ...]:
    """Return every code that isn't a number: error codes, finding codes, and their slugs."""
    refusals = [refusal.slug for refusal in all_refusals()]
    problems = [problem.slug for problem in _all_problems().values() if problem.slug != _PASSED]
    return (*ERRORS, *ERROR_CODES, *refusals, *problems, *_all_problems(), *(f"ACCESS-{slug}" for slug in refusals))


def _suggest_number(number: int) -> str:
    statuses = sorted({status for _, status in HTTP_STATUSES})
    close = [known for known in (*CLOSE_CODES, *statuses) if abs(known - number) <= _MAX_DISTANCE]
    if close:
        return f": did you mean {min(close, key=lambda known: abs(known - number))}?"
    return f"; close codes: {_listed(CLOSE_CODES)}; HTTP statuses: {_listed(statuses)}"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _refusals(code: str) -> Iterator[Refusal]:
    if code.isdecimal():
        number = int(code[: _MAX_DIGITS + 1])
        if number in CLOSE_CODES:
            yield CLOSE_CODES[number]
        yield from (refusal for (_, status), refusal in HTTP_STATUSES.items() if status == number)
        return
    if code.casefold() in _ERROR_CODES_FOLDED:
        yield _ERROR_CODES_FOLDED[code.casefold()]
    slug = _without_probe(code.upper())
    yield from (refusal for refusal in all_refusals() if refusal.slug == slug)


#: What findings are named after: every probe, and commands that make findings of their own.
_REPORTING = tuple(dict.fromkeys((*PROBES, *CHECK_NAMES)))


def _without_probe(code: str) -> str:
    """Return a finding code without the name of its probe."""
    return next(
        (code.removeprefix(f"{name.upper()}-") for name in _REPORTING if code.startswith(f"{name.upper()}-")), code
    )


def _is_named(problem: Problem, code: str) -> bool:
    """Whether the code names this problem: by its slug, or by a code under which another probe shares it."""
    if code == problem.slug:
        return code != _PASSED  # every check has one
    return code == problem.code or (problem.probe == "access" and _without_probe(code) == problem.slug)


def _client_code_meaning(code: str) -> Iterator[Meaning]:
    """Explain an error code that a bridge sends to its clients."""
    if code not in ClientCode.__members__:
        return
    info = ERRORS[ClientCode(code)]
    seen_as = [f"error {code} of a bridge (native endpoint: {code.lower()})"]
    seen_as += [f"close code {info.close_code} of a bridge"] if info.close_code else []
    seen_as += [f"status {info.http_status} of a bridge, before the upgrade"] if info.http_status else []
    yield Meaning(
        seen_as=tuple(seen_as),
        slug=code,
        title=info.title,
        cause=info.cause,
        fix=info.fix,
        retryable=info.retryable,
        fatal=info.ends_session or info.close_code is not None,
        client_code=code,
        source="The client protocol: docs/client.md",
    )


def _refusal_meaning(refusal: Refusal) -> Meaning:
    return Meaning(seen_as=tuple(_seen_as(refusal)), client_code=str(client_code(refusal)), **asdict(refusal))


def _problem_meaning(problem: Problem) -> Meaning:
    bad, good = _examples(problem.code)
    case = _case(problem.code)
    return Meaning(
        does=case.does if case else None,
        contract=f"{case.expects} ({case.section})" if case else None,
        bad=bad,
        good=good,
        seen_as=(f"finding {problem.code}",),
        slug=problem.slug,
        title=problem.title,
        cause=problem.cause,
        fix=problem.fix,
    )


def _examples(code: str) -> tuple[str | None, str | None]:
    """Return code with a mistake that a rule of lint finds, and the same in order."""
    rule = code.removeprefix("LINT-").lower()
    if rule == code.lower() or rule not in RULES:
        return None, None
    examples = [example for example in read_examples() if example.rule == rule]
    bad = next(example for example in examples if example.kind is ExampleKind.WRONG)
    same = [example for example in examples if example.language is bad.language and example is not bad]
    order = (ExampleKind.FIXED, ExampleKind.RIGHT)
    good = next((example.code for kind in order for example in same if example.kind is kind), None)
    return bad.code, good


def _derived(code: str) -> Iterator[Meaning]:
    """Explain codes that have no entry in the catalogue: passed and skipped checks, forms of authentication."""
    from probes.access.auth_forms import FORM_SLUGS, FORMS  # noqa: PLC0415 - costs the network stack, which no other code here needs
    from probes.runner.findings import slug_of  # noqa: PLC0415 - the same

    slug, probe = _without_probe(code), code.partition("-")[0].lower()
    checks = {slug_of(name): name for name in (*CHECK_NAMES.get(probe, ()), ALL_CHECKS)}
    ending = next((ending for ending in _ENDINGS if slug.endswith(f"-{ending}")), "")
    name = slug.removesuffix(f"-{ending}")
    if ending and slug != code and name in checks:
        title, cause = (text.replace("CHECK", checks[name]) for text in _ENDINGS[ending])
        yield Meaning(seen_as=(f"finding {code}",), slug=slug, title=title, cause=cause)
    form = next((form for form in FORMS if FORM_SLUGS[form.name] == slug), None)
    if form is not None:
        cause = "The row says whether this form opens a session, and if not, how it was refused."
        title = f"A form of authentication that --auth all tries: {form.title}"
        yield Meaning(seen_as=(f"finding {code}",), slug=slug, title=title, cause=cause)


_ENDINGS = {
    "OK": ("The check 'CHECK' passed", "Everything is as expected; nothing to do."),
    "NOT-CHECKED": (
        "'CHECK' was not checked",
        "This run can't check it; the row names the command that does. It doesn't count as passed.",
    ),
    "SKIPPED": (
        "The check 'CHECK' was skipped",
        "A check that it depends on failed, or it doesn't apply here; the row says which. It doesn't count as passed.",
    ),
}


def _seen_as(refusal: Refusal) -> Iterator[str]:
    """Yield where this refusal can be seen."""
    yield from (f"error code {code}" for code, known in ERROR_CODES.items() if known is refusal)
    yield from (f"close code {code}" for code, known in CLOSE_CODES.items() if known is refusal)
    yield from (
        _STATUS_PLACES[where].format(status) for (where, status), known in HTTP_STATUSES.items() if known is refusal
    )


def render_text(code: str, meanings: list[Meaning], width: int = 80) -> str:
    """Return the meanings as text for the terminal."""
    blocks = [f"{code} has {len(meanings)} meanings, depending on where it was seen:"] if len(meanings) > 1 else []
    for meaning in meanings:
        retry = {True: "yes, the same request can succeed later", False: "no, not without a change", None: ""}
        rows = (
            ("seen", "; ".join(meaning.seen_as)),
            ("does", meaning.does or ""),
            ("wants", meaning.contract or ""),
            ("why" if meaning.contract else "cause", meaning.cause),
            *(("next" if first else "", line) for first, line in _lines(meaning.fix)),
            ("retry", retry[meaning.retryable]),
            ("source", meaning.source or ""),
        )
        name = code.upper() if code.upper().endswith(f"-{meaning.slug}") else meaning.slug
        lines = wrap(f"{name}  {meaning.title}", width, "", "  ")
        for label, text in rows:
            lines += wrap(text, width, f"  {label:7}", " " * 9)
        for label, example in (("bad", meaning.bad), ("good", meaning.good)):
            lines += (
                [f"  {label}", *(f"      {line}".rstrip() for line in (example or "").splitlines())] if example else []
            )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _lines(text: str) -> Iterator[tuple[bool, str]]:
    yield from ((number == 0, line) for number, line in enumerate(text.splitlines()))


def render_json(code: str, meanings: list[Meaning]) -> str:
    """Return the meanings as JSON."""
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "code": code}
    return format_document({**document, "meanings": [asdict(meaning) for meaning in meanings]})
