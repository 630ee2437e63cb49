"""The entry points of all commands, and how they find our packages in any project.

Our top-level packages are named `bridge`, `loadtests`, `probes` and `reports`. Your project may have packages with the
same names. Python would import yours if your project comes first on `sys.path`: because you run a command in your
project's folder, or because PYTHONPATH names it. So the commands start here, in a module whose name is unlikely to
clash, and install a finder that always takes our four packages from the folder of this file. This affects only the
processes of our commands. In a process of your own, such as pytest, nothing changes: see `is_hidden`.

Every command pays for what this module imports, so it imports as little as it can.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

PACKAGES = ("bridge", "loadtests", "probes", "reports")
_FOLDER = os.path.dirname(os.path.realpath(__file__))


class _OwnPackageFinder:
    """Finds our packages beside this file, whatever is on `sys.path`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of one of our packages; None for any other module, including those within our packages."""
        del path, target
        if fullname not in PACKAGES:
            return None
        return PathFinder.find_spec(fullname, [_FOLDER])


def use_own_packages() -> None:
    """Make this process import our packages even if others of the same names come first on `sys.path`.

    Call it before the first import of one of them, and only in a process that runs nothing but our code.
    """
    sys.meta_path.insert(0, _OwnPackageFinder())


def is_hidden(package: str) -> bool:
    """Whether `import PACKAGE` in this process gives something other than our package of this name."""
    from importlib.util import find_spec  # late, as no command needs it

    try:
        spec = find_spec(package)
    except ValueError:  # a module without a spec, which somebody put into sys.modules
        return True
    locations = (spec.submodule_search_locations if spec else None) or ()
    return os.path.join(_FOLDER, package) not in map(os.path.realpath, locations)


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `main` of a module in a process of its own, and exits with what it returns.

    The process uses our packages, in any folder and with any PYTHONPATH. The module reads `arguments` from
    `sys.argv[1:]`.
    """
    return [sys.executable, "-P", os.path.realpath(__file__), module, *arguments]


def _run(module: str) -> None:
    use_own_packages()
    sys.exit(import_module(module).main())


def sherpa_bridge() -> None:
    """Run the command `sherpa-bridge`."""
    _run("bridge.server.cli")


def sherpa_load() -> None:
    """Run the command `sherpa-load`."""
    _run("loadtests.cli")


def sherpa_probe() -> None:
    """Run the command `sherpa-probe`."""
    _run("probes.cli")


def sherpa_report() -> None:
    """Run the command `sherpa-report`."""
    _run("reports.cli")


def sherpa_sim() -> None:
    """Run the command `sherpa-sim`."""
    _run("bridge.simulator.cli")


if __name__ == "__main__":  # as in `python_command`
    _run(sys.argv.pop(1))
