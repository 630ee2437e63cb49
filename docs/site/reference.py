"""MkDocs hook: reference pages from the code, and links of our pages that lead out of docs/ to the repository.

Pages are made while the site is built and are not kept: every command with its options, every setting, every metric,
and one page for each code that `sherpa-probe explain` knows as a finding.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

import click

from bridge.config.toml_file import TABLES
from bridge.server.cli import cli as bridge_cli
from bridge.server.config.options import OPTIONS
from bridge.simulator.cli import cli as simulator_cli
from bridge.telemetry.metric_table import METRICS, PREFIX
from loadtests.cli import cli as load_cli
from probes.cli import cli as probe_cli
from probes.explain import explain
from probes.problem_catalogue import PROBLEMS
from reports.cli import cli as report_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

COMMANDS = {
    "sherpa-probe": probe_cli,
    "sherpa-bridge": bridge_cli,
    "sherpa-sim": simulator_cli,
    "sherpa-load": load_cli,
    "sherpa-report": report_cli,
}
GROUPS = {
    "ACCESS": "Access: key, model, network, session",
    "BRIDGE": "Bridge, end to end",
    "CONFORMANCE": "Cases of the conformance suite",
    "EVENTS": "Events of a session",
    "LINT": "Mistakes in source code",
    "LOAD": "Load tests",
    "MODELS": "Models",
    "REPLAY": "Replay of recordings",
}
OTHERS = "The tools themselves"
REPOSITORY = "https://github.com/sherpa-realtime/sherpa-realtime/blob/main/"
_WIDTH = 78
_OUT = re.compile(r"\]\((?=\.\./)([^)#]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests need the pages, not MkDocs

    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that leave docs/ lead to the repository."""
    del config, files
    folder = posixpath.dirname(page.file.src_uri)

    def outward(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, link[1]))
        if target.startswith("docs/"):
            return link[0]
        return f"]({REPOSITORY}{target}{link[2] or ''})"

    return _OUT.sub(outward, markdown)


def pages() -> Iterator[tuple[str, str]]:
    """Yield every page: its path below docs/, and its Markdown."""
    for name, group in COMMANDS.items():
        yield f"reference/{name}.md", command_page(name, group)
    yield "reference/settings.md", settings_page()
    yield "reference/metrics.md", metrics_page()
    yield "findings/index.md", findings_page()
    for code in PROBLEMS:
        yield f"findings/{code}.md", finding_page(code)


def command_page(name: str, group: click.Group) -> str:
    """Return the page of one command: its help, and that of each subcommand, as it prints them."""
    parts = [f"# {name}", f"```text\n{_help(group, name)}\n```"]
    parts += [f"## {sub}\n\n```text\n{_help(command, f'{name} {sub}')}\n```" for sub, command in group.commands.items()]
    return "\n\n".join(parts) + "\n"


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH)
    return command.get_help(context)


def settings_page() -> str:
    """Return the tables of sherpa.toml with every key, its type, its variable and its default."""
    lines = [
        "# Settings",
        "",
        "`sherpa-probe config` and `sherpa-bridge check-config` show which apply, and why.",
    ]
    for table, keys in TABLES.items():
        lines += ["", f"## [{table}]", "", "| key | value | variable | default |", "|---|---|---|---|"]
        for key, kind in keys.items():
            option = OPTIONS.get(key) if table == "bridge" else None
            variable = f"`SHERPA_BRIDGE_{key.upper()}`" if table == "bridge" else ""
            choices = f": {', '.join(option.choices)}" if option and option.choices else ""
            default = "" if option is None or option.default in (None, (), "") else f"`{_toml(option.default)}`"
            lines.append(f"| `{key}` | {kind.value}{choices} | {variable} | {default} |")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def metrics_page() -> str:
    """Return every metric of the bridge."""
    lines = ["# Metrics of the bridge", "", "At `/metrics`, in Prometheus' format.", ""]
    lines += ["| metric | type | labels | what it says |", "|---|---|---|---|"]
    for name, metric in sorted(METRICS.items()):
        labels = ", ".join(f"`{label}`" for label in metric.label.split())
        lines.append(f"| `{PREFIX}{name}` | {metric.type.value} | {labels} | {_cell(metric.help)} |")
    return "\n".join(lines) + "\n"


def findings_page() -> str:
    """Return the list of all findings, by what reports them."""
    lines = [
        "# Findings",
        "",
        "Each has a code that never changes. `sherpa-probe explain CODE` says the same.",
    ]
    for prefix, title in (*GROUPS.items(), ("", OTHERS)):
        lines += ["", f"## {title}", "", "| code | what it says |", "|---|---|"]
        for code, problem in sorted(PROBLEMS.items()):
            group = code.partition("-")[0]
            if group == prefix or (not prefix and group not in GROUPS):
                lines.append(f"| [`{code}`]({code}.md) | {_cell(problem.title)} |")
    return "\n".join(lines) + "\n"


def finding_page(code: str) -> str:
    """Return the page of one finding: what `explain` says of it."""
    first, *_ = meanings = explain(code)
    lines = [f"# {code}", "", f"**{first.title}**"]
    for meaning in meanings:
        lines += ["", "## Cause", "", meaning.cause] if meaning.cause else []
        lines += ["", "## Does", "", meaning.does] if meaning.does else []
        lines += ["", "## Expected", "", meaning.contract] if meaning.contract else []
        lines += ["", "## What to do", "", *_lines(meaning.fix)] if meaning.fix else []
        lines += ["", "## Wrong", "", f"```\n{meaning.bad.rstrip()}\n```"] if meaning.bad else []
        lines += ["", "## Right", "", f"```\n{meaning.good.rstrip()}\n```"] if meaning.good else []
        lines += ["", f"Source: {meaning.source}"] if meaning.source else []
    lines += ["", "---", "", f"In a terminal: `sherpa-probe explain {code}`"]
    return "\n".join(lines) + "\n"


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a fix as a list; commands are in code."""
    for line in text.splitlines():
        yield f"- {f'`{line}`' if re.match(r'(sherpa-|pip |openssl )', line) else line}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
