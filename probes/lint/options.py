"""What a run of lint is asked for: rules, severities, exclusions and fixes; and its settings in a project's files."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Any

from pathspec import GitIgnoreSpec

from probes.lint.rules.registry import RULES
from probes.runner.usage import UsageError
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path, PurePath

    from probes.lint.rule import Rule

#: No settings file is larger.
_MAX_BYTES = 256 * 1024
_SEVERITIES = {"fail": Severity.FAIL, "warning": Severity.WARNING, "info": Severity.INFO}
_KEYS = ("select", "ignore", "exclude", "per-file-ignores", "severity")
#: Where settings stand: file, and the tables on the way to them.
_PLACES = (("sherpa.toml", ("lint",)), ("pyproject.toml", ("tool", "sherpa", "lint")))


class FixLevel(Enum):
    """Which fixes are applied."""

    NONE = auto()
    SAFE = auto()
    """Those that can't change what correct code does."""
    ALL = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class LintOptions:
    """Everything that a run is asked for. Names of rules are as `rule_id` returns them."""

    select: tuple[str, ...] = ()
    """Empty means all rules."""
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Patterns as in `.gitignore`, below each folder that is checked."""
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    fix: FixLevel = FixLevel.NONE
    baseline: Path | None = None
    """A file of findings that are known and not reported."""
    stdin_filename: Path | None = None
    processes: int = 1
    """How many processes share many files. Each of them imports the main module of the program, so 1 is the default."""

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules to check. Raises UsageError if none is left."""
        rules = _chosen(self.select, self.ignore)
        if not rules:
            raise UsageError("--select and --ignore leave no rule to check")
        return rules

    def ignored_in(self, path: PurePath) -> frozenset[str]:
        """Return the rules that are ignored in a file."""
        fitting = (names for pattern, names in self.per_file_ignores if _fits(pattern, path))
        return frozenset(name for names in fitting for name in names)


@cache
def _chosen(select: tuple[str, ...], ignore: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(rule for name, rule in RULES.items() if (not select or name in select) and name not in ignore)


def _fits(pattern: str, path: PurePath) -> bool:
    return GitIgnoreSpec.from_lines([pattern]).match_file(path.as_posix())


def rule_id(name: str) -> str:
    """Return the id of a rule by its id or by the code of its finding, in any case. Raises UsageError."""
    wanted = name.strip().casefold().removeprefix("lint-")
    if wanted not in RULES:
        close = get_close_matches(wanted, RULES, n=1)
        raise UsageError(f"unknown rule {name}" + (f": did you mean {close[0]}?" if close else ""))
    return wanted


def rule_ids(names: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of rules; a name may be several, separated by commas."""
    return tuple(rule_id(part) for name in names for part in name.split(",") if part.strip())


def settings_of(folder: Path) -> LintOptions:
    """Return the settings of a project: `[lint]` in its `sherpa.toml`, or `[tool.sherpa.lint]` in `pyproject.toml`.

    The nearest of the folder and those above it that has such a table decides. Raises UsageError for a mistake in it.
    """
    for level in (folder.absolute(), *folder.absolute().parents):
        for name, tables in _PLACES:
            found = _table(level / name, tables)
            if found is not None:
                return _options(found, f"{level / name}, [{'.'.join(tables)}]")
        if (level / ".git").exists():
            break
    return LintOptions()


def with_command_line(settings: LintOptions, **given: Any) -> LintOptions:
    """Return the settings with what the command line gives. `select` replaces, `ignore` and `exclude` add."""
    for name in ("ignore", "exclude"):
        given[name] = (*getattr(settings, name), *given.get(name, ()))
    given["select"] = given.get("select") or settings.select
    return replace(settings, **given)


def _table(file: Path, tables: Sequence[str]) -> Mapping[str, Any] | None:
    try:
        with file.open("rb") as opened:
            found: Any = tomllib.loads(opened.read(_MAX_BYTES).decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{file}: can't be read: {(error.strerror or 'unknown error').lower()}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{file}: is not valid TOML: {error}") from None
    for name in tables:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _options(table: Mapping[str, Any], where: str) -> LintOptions:
    for key in table:
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, n=1)
            raise UsageError(f"{where}: unknown setting {key!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    per_file = table.get("per-file-ignores", {})
    severity = table.get("severity", {})
    for key, value in (("per-file-ignores", per_file), ("severity", severity)):
        if not isinstance(value, dict):
            raise UsageError(f"{where} {key}: must be a table")
    try:
        return LintOptions(
            select=rule_ids(_texts(table, "select", where)),
            ignore=rule_ids(_texts(table, "ignore", where)),
            exclude=_texts(table, "exclude", where),
            per_file_ignores=tuple((glob, rule_ids(_texts(per_file, glob, where))) for glob in per_file),
            severities={rule_id(name): _severity(value, where) for name, value in severity.items()},
        )
    except UsageError as error:
        raise error if str(error).startswith(where) else UsageError(f"{where}: {error}") from None


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise UsageError(f"{where} {key}: must be a list of strings")
    return tuple(value)


def _severity(value: object, where: str) -> Severity:
    if not isinstance(value, str) or value not in _SEVERITIES:
        raise UsageError(f"{where} severity: must be one of {', '.join(_SEVERITIES)}, but is {value!r}")
    return _SEVERITIES[value]
