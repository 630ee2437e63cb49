"""What the command `conformance` does around a run: opening the target, listing cases, writing the badge."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING

from probes.conformance.badge import write_badge
from probes.conformance.cases.r_recording import RECORDED
from probes.conformance.options import ConformanceFlags, known_cases, make_plan
from probes.conformance.probe import ConformanceTarget
from probes.conformance.profile import ProfileError, load_profile
from probes.conformance.registry import GROUPS
from probes.conformance.selection import SelectionError, select
from probes.runner.output import write_text
from probes.runner.subject import OpenerInput, SubjectOpener
from probes.runner.usage import UsageError
from probes.targets.opening import client_token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from probes.runner.findings import ProbeItem

    ConformanceProbe = Callable[[ConformanceTarget], AsyncGenerator[ProbeItem, None]]


def conformance_opener(
    flags: ConformanceFlags, token_variable: str | None, *, all_timelines: bool
) -> SubjectOpener[ConformanceTarget]:
    """Return the opener of the bridge that the options name. Nothing is started before the run."""

    def prepare(opener_input: OpenerInput) -> Callable[[], AbstractAsyncContextManager[ConformanceTarget]]:
        token = client_token(opener_input, token_variable)
        target = ConformanceTarget(
            plan=make_plan(flags),
            token=token.reveal() if token else "",
            on_progress=opener_input.on_progress,
            all_timelines=all_timelines,
        )
        return lambda: nullcontext(target)

    return SubjectOpener(prepare, needs_key=False)


def on_finished(probe: ConformanceProbe, badge: Path | None) -> ConformanceProbe:
    """Return the probe, which writes the badge at its end if one is asked for."""
    if badge is None:
        return probe

    async def with_badge(target: ConformanceTarget) -> AsyncGenerator[ProbeItem, None]:
        items: list[ProbeItem] = []
        async with aclosing(probe(target)) as found:
            async for item in found:
                items.append(item)
                yield item
        write_badge(badge, items)

    return with_badge


def list_cases(flags: ConformanceFlags, *, as_json: bool) -> None:
    """Write the cases that the options select. Raises UsageError."""
    try:
        cases = select(known_cases(flags), flags.cases, flags.exclude, load_profile(flags.profile).groups)
    except (SelectionError, ProfileError) as error:
        raise UsageError(str(error)) from None
    if as_json:
        fields = ("id", "title", "section", "does", "expects", "matters", "since")
        document = [{name: getattr(case, name) for name in fields} for case in cases]
        write_text(sys.stdout, f"{json.dumps(document, indent=2)}\n")
        return
    lines: list[str] = []
    titles = {**{group.letter: group.title for group in GROUPS}, RECORDED: "A recorded session"}
    for letter, title in titles.items():
        members = [case for case in cases if case.group == letter]
        if members:
            lines += [f"{letter}  {title}", *(f"  {case.id}  {case.title}" for case in members), ""]
    write_text(sys.stdout, "\n".join([*lines, f"{len(cases)} cases\n"]))
